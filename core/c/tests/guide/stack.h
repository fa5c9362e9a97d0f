/* The stack of the guide in echo_core.h, on Linux. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int stack_socket;

enum { STACK_FIN = -2 };

uint32_t stack_ticks(void);
bool stack_accept(stack_socket *socket);
int stack_read(stack_socket socket, uint8_t *bytes, size_t room);
int stack_write(stack_socket socket, const uint8_t *bytes, size_t count);
void stack_shut(stack_socket socket);
void stack_close(stack_socket socket);
void stack_panic(const char *why);

/* The guide's own. */
uint64_t echo_turn(void);
