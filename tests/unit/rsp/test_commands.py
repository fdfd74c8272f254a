from __future__ import annotations

import pytest

from gdbstub.rsp import registry
from gdbstub.rsp.commands import (
    breakpoints,
    features,
    lifecycle,
    memory,
    registers,
    resume,
    signals,
    startup,
    threads,
    xfer,
)
from gdbstub.rsp.commands.breakpoints import InsertPoint, RemovePoint
from gdbstub.rsp.commands.resume import Action
from gdbstub.vocab.errors import PacketError, Unsupported
from gdbstub.vocab.ids import ALL, Addr, Pid, ThreadSpec


def parsed(payload: bytes) -> object:
    match = registry.find(payload)
    assert match is not None, payload
    row, args = match
    command: object = row.parse(args)
    return command


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        (b"Z0,401000,1", breakpoints.InsertPoint(0, Addr(0x401000), 1)),
        (b"Z0,401000,1;", breakpoints.InsertPoint(0, Addr(0x401000), 1)),
        (b"z4,ffffffffffffffff,8", breakpoints.RemovePoint(4, Addr(0xFFFFFFFFFFFFFFFF), 8)),
        (b"Z9,0,0", breakpoints.InsertPoint(9, Addr(0), 0)),
        (b"qSupported:a+;;b-", features.Supported((b"a+", b"b-"))),
        (b"QStartNoAckMode", features.StartNoAckMode()),
        (b"QNonStop:1", features.NonStop(True)),
        (b"QNonStop:0", features.NonStop(False)),
        (b"!", features.ExtendedMode()),
        (b"qRcmd,68656c70", features.MonitorCommand("help")),
        (b"?", lifecycle.WhyStopped()),
        (b"D", lifecycle.Detach(None)),
        (b"D;1f", lifecycle.Detach(Pid(0x1F))),
        (b"k", lifecycle.KillAll()),
        (b"vKill;1f", lifecycle.Kill(Pid(0x1F))),
        (b"vRun;", lifecycle.Run("", ())),
        (b"vRun;2f61;;62", lifecycle.Run("/a", ("", "b"))),
        (b"vRun;ff", lifecycle.Run("\udcff", ())),
        (b"vAttach;1f", lifecycle.Attach(Pid(0x1F))),
        (b"R00", lifecycle.Restart()),
        (b"A4,0,2f61,2,1,62", lifecycle.LaunchArguments(("/a", "b"))),
        (b"A4,0,2f61,0,1,,2,2,63", lifecycle.LaunchArguments(("/a", "", "c"))),
        (b"A 2,0,61", lifecycle.LaunchArguments(("a",))),
        (b"qLaunchSuccess", lifecycle.LaunchSuccess()),
        (b"m7ff0,8", memory.ReadMemory(Addr(0x7FF0), 8)),
        (b"x0,0", memory.ReadBinary(Addr(0), 0)),
        (b"M10,2:abCD", memory.WriteMemory(Addr(0x10), b"\xab\xcd")),
        (b"M10,0:", memory.WriteMemory(Addr(0x10), b"")),
        (b"X10,3:a}\x03:", memory.WriteBinary(Addr(0x10), b"a#:")),
        (b"X10,0:", memory.WriteBinary(Addr(0x10), b"")),
        (b"g", registers.ReadRegisters()),
        (b"G00ff", registers.WriteRegisters(b"\x00\xff")),
        (b"p1f", registers.ReadRegister(0x1F)),
        (b"P1f=00ff", registers.WriteRegister(0x1F, b"\x00\xff")),
        # Refused where the register's size is known.
        (b"P1f=", registers.WriteRegister(0x1F, b"")),
        (b"vCont;c", resume.VCont((Action("c", None, None, None),))),
        (
            b"vCont;s:p1.2;C0b:p-1.-1;r10,20:3;t",
            resume.VCont(
                (
                    Action("s", None, None, ThreadSpec(1, 2)),
                    Action("c", 0x0B, None, ThreadSpec(ALL, ALL)),
                    Action("r", None, (Addr(0x10), Addr(0x20)), ThreadSpec(None, 3)),
                    Action("t", None, None, None),
                )
            ),
        ),
        (b"vCont?", resume.VContQuery()),
        (b"c", resume.Continue(None, None)),
        (b"c401000", resume.Continue(None, Addr(0x401000))),
        (b"C0b", resume.ContinueSignal(11, None)),
        (b"C0b;401000", resume.ContinueSignal(11, Addr(0x401000))),
        (b"s", resume.Step(None, None)),
        (b"S05", resume.StepSignal(5, None)),
        (b"vCtrlC", resume.CtrlC()),
        (b"vStopped", resume.Stopped()),
        (b"QPassSignals:e;10;14", signals.PassSignals(frozenset({14, 16, 20}))),
        (b"QPassSignals:e;10 ", signals.PassSignals(frozenset({14, 16}))),
        (b"QPassSignals:", signals.PassSignals(frozenset())),
        (b"QProgramSignals:0;1", signals.ProgramSignals(frozenset({0, 1}))),
        (b"QCatchSyscalls:0", signals.CatchSyscalls(None)),
        (b"QCatchSyscalls:1", signals.CatchSyscalls(frozenset())),
        (b"QCatchSyscalls:1;0;3b", signals.CatchSyscalls(frozenset({0, 59}))),
        (b"QStartupWithShell:0", startup.StartupWithShell(False)),
        (b"QDisableRandomization:1", startup.DisableRandomization(True)),
        (b"QEnvironmentHexEncoded:413d62", startup.SetVariable("A", "b")),
        (b"QEnvironmentHexEncoded:413d", startup.SetVariable("A", "")),
        (b"QEnvironmentHexEncoded:413d623d63", startup.SetVariable("A", "b=c")),
        (b"QEnvironmentUnset:41", startup.UnsetVariable("A")),
        (b"QEnvironmentReset", startup.ResetEnvironment()),
        (b"QSetWorkingDir:2f", startup.SetWorkingDirectory("/")),
        (b"QSetWorkingDir:", startup.SetWorkingDirectory("")),
        (b"Hg0", threads.SelectThread("g", ThreadSpec(None, 0))),
        (b"Hc-1", threads.SelectThread("c", ThreadSpec(None, ALL))),
        (b"Hgp1.2", threads.SelectThread("g", ThreadSpec(1, 2))),
        (b"Tp1.2", threads.ThreadAlive(ThreadSpec(1, 2))),
        (b"qC", threads.CurrentThread()),
        (b"qAttached", threads.Attached(None)),
        (b"qAttached:1f", threads.Attached(Pid(0x1F))),
        (b"qfThreadInfo", threads.FirstThreads()),
        (b"qsThreadInfo", threads.MoreThreads()),
        (b"qThreadExtraInfo,1f", threads.ThreadExtraInfo(ThreadSpec(None, 0x1F))),
        (b"qXfer:features:read:target.xml:0,ffb", xfer.ReadFeatures("target.xml", 0, 0xFFB)),
        (b"qXfer:threads:read::10,20", xfer.ReadThreads("", 0x10, 0x20)),
        (b"qXfer:auxv:read::0,1", xfer.ReadAuxv("", 0, 1)),
        (b"qXfer:auxv:read::0,1:", xfer.ReadAuxv("", 0, 1)),
        (b"qXfer:exec-file:read:1f:0,1", xfer.ReadExecFile("1f", 0, 1)),
        (b"qXfer:libraries-svr4:read:start=1;prev=2:0,1", xfer.ReadLibraries("start=1;prev=2", 0, 1)),
        (b"qXfer:siginfo:read::0,80", xfer.ReadSiginfo("", 0, 0x80)),
        (b"qXfer:osdata:read:processes:0,1", xfer.ReadOsdata("processes", 0, 1)),
        (b"qXfer:siginfo:write::4:a}\x03:b", xfer.WriteSiginfo(4, b"a#:b")),
    ],
)  # fmt: skip
def test_what_is_said(payload: bytes, command: object) -> None:
    result = parsed(payload)
    assert type(result) is type(command)
    assert result == command


@pytest.mark.parametrize(
    "payload",
    [
        b"Z0", b"Z0,1", b"Z,1,1", b"Z0,0x1,1", b"Z0,1,1:", b"Z0,1,-1", b"z10,1,1", b"Z0,11111111111111111,1",
        b"QNonStop:2", b"QNonStop:", b"QNonStop:11", b"qRcmd,6", b"qRcmd,zz",
        b"D2", b"D;", b"D;p1", b"vKill", b"vKill;-1", b"vRun;2", b"vRun;zz", b"vAttach;", b"vAttach;0x1",
        b"A", b"A4,0", b"A4,0,2f", b"A2,1,61", b"A-2,0,61", b"A2,0,zz", b"A2,0,61,", b"A2,0,61,2,0,62",
        b"m", b"m1", b"m1,", b"m,1", b"m1,2,3", b"m1:2", b"m-1,1", b"x1", b"M1,1", b"M1,1:", b"M1,1:1", b"M1,1:1234",
        b"M1,2:12", b"M1,1:zz", b"X1,1", b"X1,2:a", b"X1,1:ab", b"X1,1:}", b"g1",
        b"Gz", b"G123", b"p", b"pzz", b"P", b"P1", b"P=00", b"P1=0", b"P1=zz",
        b"vCont", b"vCont;", b"vCont;x", b"vCont;c;", b"vCont;c5", b"vCont;C", b"vCont;Czz", b"vCont;s:",
        b"vCont;s:x",
        b"vCont;r", b"vCont;r1", b"vCont;r1,2,3", b"vCont;rx,y:1", b"vCont;t5",
        b"cx", b"C", b"C;1", b"C5;", b"C5;x", b"sx", b"S", b"S-5",
        b"QPassSignals:x", b"QPassSignals:1;-1", b"QProgramSignals:0x1", b"QCatchSyscalls", b"QCatchSyscalls:2",
        b"QCatchSyscalls:0;1", b"QCatchSyscalls:1;x", b"QStartupWithShell:", b"QStartupWithShell:2",
        b"QDisableRandomization:x", b"QEnvironmentHexEncoded:41", b"QEnvironmentHexEncoded:3d41",
        b"QEnvironmentHexEncoded:4", b"QEnvironmentUnset:", b"QEnvironmentUnset:413d", b"QSetWorkingDir:2",
        b"H", b"Hx1", b"Hg", b"Hgx", b"Hgp-1.1", b"T", b"Tx", b"qAttached:x", b"qThreadExtraInfo",
        b"qThreadExtraInfo,x",
        b"qXfer:features:read", b"qXfer:features:read:target.xml", b"qXfer:features:read:target.xml:0",
        b"qXfer:features:read:target.xml:0,", b"qXfer:features:read:target.xml:-1,1", b"qXfer:auxv:read::0,1,2",
        b"qXfer:siginfo:write::0", b"qXfer:siginfo:write::x:a", b"qXfer:siginfo:write::0:}",
    ],
)  # fmt: skip
def test_what_is_refused(payload: bytes) -> None:
    with pytest.raises(PacketError):
        parsed(payload)


@pytest.mark.parametrize(
    ("payload", "conditions", "commands", "persistent"),
    [
        (b"Z0,401000,1;", (), (), False),
        (b"Z0,401000,1;X1,00", (b"\0",), (), False),
        (b"Z1,401000,1;X2,2201X1,27", (b"\x22\x01", b"\x27"), (), False),
        (b"Z0,401000,1;X1,27;X1,28", (b"\x27", b"\x28"), (), False),
        (b"Z0,401000,1;cmds:0,X1,00", (), (b"\0",), False),
        (b"Z0,401000,1;X1,27;cmds:1,X1,00X1,01;", (b"\x27",), (b"\0", b"\1"), True),
    ],
)
def test_conditions_and_commands(
    payload: bytes, conditions: tuple[bytes, ...], commands: tuple[bytes, ...], persistent: bool
) -> None:
    command = parsed(payload)
    assert isinstance(command, InsertPoint)
    assert (command.conditions, command.commands, command.persistent) == (conditions, commands, persistent)


def test_conditions_of_a_removal_are_ignored() -> None:
    assert parsed(b"z0,401000,1;X1,00") == RemovePoint(0, Addr(0x401000), 1)


def test_conditions_of_watchpoints_are_declined() -> None:
    with pytest.raises(Unsupported):
        parsed(b"Z2,401000,1;X1,00")


@pytest.mark.parametrize(
    "rest",
    [b";X", b";X2,00", b";X1,0", b";X1,zz", b";X1,00junk", b";cmds:", b";cmds:1,X1", b";Xffffffff,00", b";what"],
)
def test_lists_of_expressions_are_whole(rest: bytes) -> None:
    with pytest.raises(PacketError):
        parsed(b"Z0,401000,1" + rest)


@pytest.mark.parametrize("letters", [b"\x00", b"\xff", b"\xb2", b"\n"])
@pytest.mark.parametrize("name", [b"m", b"D", b"Z", b"H", b"T", b"c", b"vCont;", b"vAttach;", b"QPassSignals:"])
def test_odd_bytes_are_refused(name: bytes, letters: bytes) -> None:
    with pytest.raises(PacketError):
        parsed(name + letters)
