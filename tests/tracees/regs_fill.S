# Fills the registers with patterns, stops, stores what they hold by then, stops, exits.
#
# It begins with a read of one byte.  -DAVX, -DAVX512 and -DPKU say what the processor has.
# A trap instruction marks each stop.

    .globl _start, filled, store, jumped, dummy, touch
    .globl saved_general, saved_fx, saved_vectors, saved_masks, saved_pkru, watched_a, watched_b

    .text
_start:
    xorl %eax, %eax
    xorl %edi, %edi
    leaq byte(%rip), %rsi
    movl $1, %edx
    syscall

    fninit
    fldcw control_word
    fld1
    fldpi
    fldz
    ldmxcsr control_sse
#ifdef PKU
    xorl %ecx, %ecx
    xorl %edx, %edx
    movl $0x55555550, %eax
    wrpkru
#endif
#if defined(AVX512)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    vmovups patterns + 64*\n, %zmm\n
    .endr
    .irp n, 0,1,2,3,4,5,6,7
    kmovq patterns + 8*\n, %k\n
    .endr
#elif defined(AVX)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    vmovups patterns + 64*\n, %ymm\n
    .endr
#else
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movups patterns + 64*\n, %xmm\n
    .endr
#endif
    movabsq $0x0100000000000001, %rax
    movabsq $0x0200000000000002, %rbx
    movabsq $0x0300000000000003, %rcx
    movabsq $0x0400000000000004, %rdx
    movabsq $0x0500000000000005, %rsi
    movabsq $0x0600000000000006, %rdi
    movabsq $0x0700000000000007, %rbp
    movabsq $0x0800000000000008, %r8
    movabsq $0x0900000000000009, %r9
    movabsq $0x0a0000000000000a, %r10
    movabsq $0x0b0000000000000b, %r11
    movabsq $0x0c0000000000000c, %r12
    movabsq $0x0d0000000000000d, %r13
    movabsq $0x0e0000000000000e, %r14
    movabsq $0x0f0000000000000f, %r15
    int3
filled:
store:
    movq %rax, saved_general + 0
    movq %rbx, saved_general + 8
    movq %rcx, saved_general + 16
    movq %rdx, saved_general + 24
    movq %rsi, saved_general + 32
    movq %rdi, saved_general + 40
    movq %rbp, saved_general + 48
    movq %rsp, saved_general + 56
    movq %r8, saved_general + 64
    movq %r9, saved_general + 72
    movq %r10, saved_general + 80
    movq %r11, saved_general + 88
    movq %r12, saved_general + 96
    movq %r13, saved_general + 104
    movq %r14, saved_general + 112
    movq %r15, saved_general + 120
    fxsave64 saved_fx
#if defined(AVX512)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    vmovups %zmm\n, saved_vectors + 64*\n
    .endr
    .irp n, 0,1,2,3,4,5,6,7
    kmovq %k\n, saved_masks + 8*\n
    .endr
#elif defined(AVX)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    vmovups %ymm\n, saved_vectors + 64*\n
    .endr
#else
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movups %xmm\n, saved_vectors + 64*\n
    .endr
#endif
#ifdef PKU
    xorl %ecx, %ecx
    rdpkru
    movl %eax, saved_pkru
#endif
    int3
touch:
    incl watched_a
    incq watched_b
    movq watched_b, %rax
    incl watched_a
    nop
exit:
    movl $60, %eax
    xorl %edi, %edi
    syscall

    # Whoever lands two bytes short meets an illegal instruction.
    ud2
jumped:
    movl $60, %eax
    movl $42, %edi
    syscall

    ud2
dummy:
    int3
    ud2

    .data
    .balign 64
patterns:
    .set value, 0
    .rept 2048
    .byte (value * 7 + value / 64 + 1) & 0xff
    .set value, value + 1
    .endr
control_word:
    .short 0x27f
control_sse:
    .long 0x9fc0

    .bss
    .balign 64
saved_fx:      .skip 512
saved_vectors: .skip 2048
saved_general: .skip 128
saved_masks:   .skip 64
saved_pkru:    .skip 8
watched_a:     .skip 8
watched_b:     .skip 8
byte:          .skip 8

    .section .note.GNU-stack, "", @progbits
