# The 32-bit sister of regs_fill: general registers and xmm only.

    .globl _start, filled, jumped, dummy, saved_general, saved_vectors

    .text
_start:
    movl $3, %eax
    xorl %ebx, %ebx
    movl $byte, %ecx
    movl $1, %edx
    int $0x80

    .irp n, 0,1,2,3,4,5,6,7
    movups patterns + 16*\n, %xmm\n
    .endr
    movl $0x81000001, %eax
    movl $0x82000002, %ecx
    movl $0x83000003, %edx
    movl $0x84000004, %ebx
    movl $0x86000006, %ebp
    movl $0x87000007, %esi
    movl $0x88000008, %edi
    int3
filled:
    movl %eax, saved_general + 0
    movl %ecx, saved_general + 4
    movl %edx, saved_general + 8
    movl %ebx, saved_general + 12
    movl %esp, saved_general + 16
    movl %ebp, saved_general + 20
    movl %esi, saved_general + 24
    movl %edi, saved_general + 28
    .irp n, 0,1,2,3,4,5,6,7
    movups %xmm\n, saved_vectors + 16*\n
    .endr
    int3
    movl $1, %eax
    xorl %ebx, %ebx
    int $0x80

    # Whoever lands two bytes short meets an illegal instruction.
    ud2
jumped:
    movl $1, %eax
    movl $42, %ebx
    int $0x80

    ud2
dummy:
    int3
    ud2

    .data
    .balign 16
patterns:
    .set value, 0
    .rept 128
    .byte (value * 7 + 1) & 0xff
    .set value, value + 1
    .endr

    .bss
    .balign 16
saved_vectors: .skip 128
saved_general: .skip 32
byte:          .skip 4

    .section .note.GNU-stack, "", @progbits
