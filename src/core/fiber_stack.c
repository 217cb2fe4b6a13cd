/* Preparing stacks for fiber_stack_switch(), and that function itself where there is no assembly for it. */
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "core/internal.h"

#if defined(__x86_64__) && !defined(FIBER_UCONTEXT)

void fiber_stack_begin(void); /* fiber_x86_64.S */

void *fiber_stack_prepare(void *stack, size_t size, void (*entry)(void *arg), void *arg)
{
	/* The order in which the switch pops, then the address it returns to, then zeros to end back traces.
	 * At fiber_stack_begin rsp is a multiple of 16, as it must be before its call. */
	struct {
		uint64_t r15, r14, r13, r12, rbx, rbp, rip, end[2];
	} *frame = (void *)((char *)stack + size - sizeof(*frame));

	memset(frame, 0, sizeof(*frame));
	frame->r12 = (uintptr_t)entry;
	frame->r13 = (uintptr_t)arg;
	frame->rip = (uintptr_t)fiber_stack_begin;
	return frame;
}

#elif defined(__aarch64__) && !defined(FIBER_UCONTEXT)

void fiber_stack_begin(void); /* fiber_aarch64.S */

void *fiber_stack_prepare(void *stack, size_t size, void (*entry)(void *arg), void *arg)
{
	struct {
		uint64_t x19, x20, x21_x28[8], x29, x30, d8_d15[8];
	} *frame = (void *)((char *)stack + size - sizeof(*frame));

	memset(frame, 0, sizeof(*frame));
	frame->x19 = (uintptr_t)entry;
	frame->x20 = (uintptr_t)arg;
	frame->x30 = (uintptr_t)fiber_stack_begin;
	return frame;
}

#else

/* makecontext() passes ints only. */
static void begin(unsigned entry_high, unsigned entry_low, unsigned arg_high, unsigned arg_low)
{
	void (*entry)(void *) = (void (*)(void *))(uintptr_t)((uint64_t)entry_high << 32 |
							      entry_low);

	entry((void *)(uintptr_t)((uint64_t)arg_high << 32 | arg_low));
}

void *fiber_stack_prepare(void *stack, size_t size, void (*entry)(void *arg), void *arg)
{
	/* The context stands at the top of the stack that it describes. */
	size_t below = (size - sizeof(ucontext_t)) & ~(size_t)63;
	ucontext_t *context = (void *)((char *)stack + below);
	uint64_t e = (uintptr_t)entry, a = (uintptr_t)arg;

	getcontext(context);
	context->uc_stack.ss_sp = stack;
	context->uc_stack.ss_size = below;
	context->uc_link = NULL;
	makecontext(context, (void (*)(void))begin, 4, (unsigned)(e >> 32), (unsigned)e,
		    (unsigned)(a >> 32), (unsigned)a);
	return context;
}

void fiber_stack_switch(void **ret_from, void *to)
{
	ucontext_t here; /* lives on the stack that is left, as long as it is left */

	*ret_from = &here;
	swapcontext(&here, to);
}

#endif
