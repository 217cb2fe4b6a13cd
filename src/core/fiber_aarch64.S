/* Switching stacks, AAPCS64 (6.1.1 and 6.1.2: x19-x29, sp and the low halves of v8-v15 belong to the caller;
 * x30 is where to return to). */
#if defined(__aarch64__) && !defined(FIBER_UCONTEXT)
	.text

/* void fiber_stack_switch(void **ret_from, void *to) */
	.globl	fiber_stack_switch
	.hidden	fiber_stack_switch
	.type	fiber_stack_switch, %function
	.p2align 4
fiber_stack_switch:
	.cfi_startproc
	sub	sp, sp, #160
	stp	x19, x20, [sp, #0]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp, #0]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	add	sp, sp, #160
	ret
	.cfi_endproc
	.size	fiber_stack_switch, .-fiber_stack_switch

/* Where a prepared stack begins: x19 holds the entry, x20 its argument. */
	.globl	fiber_stack_begin
	.hidden	fiber_stack_begin
	.type	fiber_stack_begin, %function
	.p2align 4
fiber_stack_begin:
	.cfi_startproc
	.cfi_undefined x30
	mov	x0, x20
	blr	x19
	brk	#0
	.cfi_endproc
	.size	fiber_stack_begin, .-fiber_stack_begin
#endif
#if defined(__linux__) && defined(__ELF__)
	.section .note.GNU-stack, "", %progbits
#endif
