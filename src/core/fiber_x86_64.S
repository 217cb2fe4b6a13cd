/* Switching stacks, System V ABI for AMD64 (psABI 3.2.1: rbx, rbp, r12-r15 and rsp belong to the caller). The control
 * words of the x87 and SSE units do too, but nothing in this program changes them, so they are the same on
 * every stack and are not saved. */
#if defined(__x86_64__) && !defined(FIBER_UCONTEXT)
	.text

/* void fiber_stack_switch(void **ret_from, void *to) */
	.globl	fiber_stack_switch
	.hidden	fiber_stack_switch
	.type	fiber_stack_switch, @function
	.p2align 4
fiber_stack_switch:
	.cfi_startproc
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.cfi_endproc
	.size	fiber_stack_switch, .-fiber_stack_switch

/* Where a prepared stack begins: r12 holds the entry, r13 its argument. */
	.globl	fiber_stack_begin
	.hidden	fiber_stack_begin
	.type	fiber_stack_begin, @function
	.p2align 4
fiber_stack_begin:
	.cfi_startproc
	.cfi_undefined rip
	movq	%r13, %rdi
	callq	*%r12
	ud2
	.cfi_endproc
	.size	fiber_stack_begin, .-fiber_stack_begin
#endif
#if defined(__linux__) && defined(__ELF__)
	.section .note.GNU-stack, "", %progbits
#endif
