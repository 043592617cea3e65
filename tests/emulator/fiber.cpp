#include "fiber.h"
#include "asan.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#if defined(__x86_64__) && !defined(GDI_UCONTEXT)
#define GDI_SWITCH_X86_64
#else
#include <ucontext.h>
#endif

namespace emulated {

/* Enough for kernels and the mathematical functions they call; the sanitizer's frames are larger. */
#ifdef GDI_ASAN
constexpr size_t stack_bytes = 256 << 10;
#else
constexpr size_t stack_bytes = 64 << 10;
#endif
constexpr size_t guard_bytes = 4096; /* below the stack: an overflow faults */

/* ---- saving registers, and going on with others ---- */

#ifdef GDI_SWITCH_X86_64
using Registers = void *; /* the stack pointer; the rest lies on the stack */

extern "C" void gdi_emulated_switch(Registers *save, Registers load);
asm(R"(
  .text
  .local gdi_emulated_switch
  .type gdi_emulated_switch, @function
gdi_emulated_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size gdi_emulated_switch, . - gdi_emulated_switch
)");

static void registers_make(Registers *r, char *stack, size_t bytes, void (*main)()) {
  auto *top =
      (void **)(stack + bytes); /* the stack is aligned to 16 at a call: one word off at main's entry */
  top[-1] = nullptr;            /* where main would return to */
  top[-2] = (void *)main;
  for (int i = 3; i <= 8; i++) top[-i] = nullptr;
  *r = top - 8;
}

static void registers_switch(Registers *save, Registers *load) {
  gdi_emulated_switch(save, *load);
}
#else
using Registers = ucontext_t;

static void registers_make(Registers *r, char *stack, size_t bytes, void (*main)()) {
  getcontext(r);
  r->uc_stack.ss_sp = stack, r->uc_stack.ss_size = bytes, r->uc_link = nullptr;
  makecontext(r, main, 0);
}

static void registers_switch(Registers *save, Registers *load) {
  swapcontext(save, load);
}
#endif

/* ---- what the address sanitizer wants to know ---- */

struct Stack {
  const void *bottom = nullptr;
  size_t bytes = 0;
  void *fake = nullptr; /* the sanitizer's, of a stack that is left */
};

static void announce([[maybe_unused]] Stack *from, [[maybe_unused]] const Stack *to) {
#ifdef GDI_ASAN
  __sanitizer_start_switch_fiber(&from->fake, to->bottom, to->bytes);
#endif
}

static void arrived([[maybe_unused]] Stack *here, [[maybe_unused]] Stack *from) {
#ifdef GDI_ASAN
  __sanitizer_finish_switch_fiber(here->fake, from ? &from->bottom : nullptr, from ? &from->bytes : nullptr);
#endif
}

/* ---- fibers ---- */

struct Fiber::Context {
  Registers registers;
  Stack stack;
  char *memory;
  void (*main)();
};

static Registers outside;
static Stack outside_stack;
static Fiber *inside;
static void (*inside_main)();

static void first_entry() {
  Stack fresh;
  arrived(&fresh, &outside_stack);
  inside_main();
}

Fiber::Fiber(void (*main)()) : context(new Context) {
  void *p =
      mmap(nullptr, guard_bytes + stack_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED || mprotect((char *)p + guard_bytes, stack_bytes, PROT_READ | PROT_WRITE) != 0)
    throw std::bad_alloc();
  context->memory = (char *)p;
  context->main = main;
  restart();
}

Fiber::~Fiber() {
  munmap(context->memory, guard_bytes + stack_bytes);
  delete context;
}

void Fiber::restart() {
  char *stack = context->memory + guard_bytes;
  ASAN_UNPOISON_MEMORY_REGION(stack, stack_bytes);
  context->stack = {stack, stack_bytes, nullptr};
  registers_make(&context->registers, stack, stack_bytes, first_entry);
}

void Fiber::enter() {
  inside = this, inside_main = context->main;
  announce(&outside_stack, &context->stack);
  registers_switch(&outside, &context->registers);
  arrived(&outside_stack, nullptr);
}

void Fiber::leave() {
  Context *c = inside->context;
  announce(&c->stack, &outside_stack);
  registers_switch(&c->registers, &outside);
  arrived(&c->stack, &outside_stack);
}

} // namespace emulated
