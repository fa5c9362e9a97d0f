# From QEMU's loader to Rust: a 32-bit entry (PVH), which maps the memory and goes to 64 bits.

# Tells the loader where to enter: namesz, descsz, XEN_ELFNOTE_PHYS32_ENTRY.
.section .note.Xen, "a", @note
.balign 4
.long 4, 8, 18
.asciz "Xen"
.quad _start

.section .text.boot, "ax"
.code32
.global _start
_start:
    cld                         # the loader promises nothing about it
    mov esp, offset STACK_TOP
    # What of this is left shows how deep the stack was.
    mov edi, offset STACK_END
    mov ecx, offset STACK_WORDS
    mov eax, 0x5a5a5a5a
    rep stosd

    # The first GiB is memory, the fourth are devices: not cached.
    mov dword ptr [level4], offset level3 + 3
    mov dword ptr [level3], offset level2 + 3
    mov dword ptr [level3 + 24], offset level2 + 4096 + 3
    mov edi, offset level2
    mov eax, 0x83
memory:
    mov [edi], eax
    add edi, 8
    add eax, 0x200000
    cmp eax, 0x40000083
    jne memory
    mov eax, 0xc000009b
devices:
    mov [edi], eax
    add edi, 8
    add eax, 0x200000
    jnc devices
    # Nothing is below the stack: overflowing it is a page fault.
    mov dword ptr [level2 + 8], 0

    mov eax, 0x620              # PAE, OSFXSR, OSXMMEXCPT
    mov cr4, eax
    mov eax, offset level4
    mov cr3, eax
    mov ecx, 0xc0000080         # EFER
    rdmsr
    or eax, 0x100               # LME
    wrmsr
    mov eax, cr0
    and eax, 0x9ffffffb         # not CD, NW, EM
    or eax, 0x80000022          # PG, NE, MP
    mov cr0, eax
    lgdt [gdt_pointer]
    push 8
    mov eax, offset start64
    push eax
    retf

.code64
start64:
    mov ax, 16
    mov ss, ax
    mov ds, ax
    mov es, ax
    mov edi, ebx                # hvm_start_info
    call main
    ud2

# Each exception comes here with its vector, its error code or 0, and where it happened.
.balign 16
.global exceptions
exceptions:
.set vector, 0
.rept 32
    .balign 16
    .if vector != 8 && vector != 10 && vector != 11 && vector != 12 && vector != 13 && vector != 14 && vector != 17
    push 0
    .endif
    push vector
    jmp exception
    .set vector, vector + 1
.endr
exception:
    pop rdi
    pop rsi
    pop rdx
    mov rcx, cr2
    cld                         # memmove sets it
    call fault
    ud2

# An interrupt has nothing to do but to wake from HLT.
.balign 16
.global interrupt
interrupt:
    push rax
    mov al, 0x20
    out 0xa0, al
    out 0x20, al
    pop rax
    iretq

.section .data.gdt, "aw"
.balign 8
.global gdt
gdt:
    .quad 0
    .quad 0x00209a0000000000    # code
    .quad 0x0000920000000000    # data
    .quad 0, 0                  # the task state, filled in later
gdt_pointer:
    .word 39
    .quad gdt

.section .bss.tables, "aw", @nobits
.balign 4096
level4: .skip 4096
level3: .skip 4096
level2: .skip 8192
