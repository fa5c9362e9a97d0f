@ From the reset to Rust: the vectors of a Cortex-M3, and its memory made ready.

@ Interrupts stay disabled, so there are no more vectors than these. The others escalate to a fault.
.section .vectors, "a"
.word STACK_TOP, reset, fault, fault

.section .text.boot, "ax"
.thumb_func
.global reset
reset:
    cpsid i
    @ What of this is left shows how deep the stack was.
    ldr r0, =STACK_END
    ldr r1, =STACK_TOP
    ldr r2, =0x5a5a5a5a
    bl fill
    ldr r0, =BSS_START
    ldr r1, =BSS_END
    movs r2, #0
    bl fill
    ldr r0, =DATA_START
    ldr r1, =DATA_END
    ldr r2, =DATA_IMAGE
copy:
    cmp r0, r1
    ittt lo
    ldrlo r3, [r2], #4
    strlo r3, [r0], #4
    blo copy
    bl main

.thumb_func
fill:
    cmp r0, r1
    itt lo
    strlo r2, [r0], #4
    blo fill
    bx lr

@ With the address of the instruction, as the processor has put it on the stack.
.thumb_func
fault:
    ldr r0, [sp, #24]
    bl faulted
