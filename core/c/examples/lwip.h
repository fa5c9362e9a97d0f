/*
 * The echo server of lwip.c, for your main loop. As all of lwIP's raw API it is for one thread:
 * the main loop's (NO_SYS), or the tcpip thread, where a `sys_timeout` calls `lwip_echo_poll`.
 */
#ifndef LWIP_ECHO_H
#define LWIP_ECHO_H

#include "lwip/arch.h"

#include "echo_core.h"

/* After `lwip_init`: serves this port on all addresses. False: lwIP has no memory, the port is
 * taken, or the library was built for another echo_core.h. */
bool lwip_echo_listen(u16_t port, const echo_rules *rules);

/* Whatever is due; call it wherever you call `sys_check_timeouts`. */
void lwip_echo_poll(void);

/* How many milliseconds `lwip_echo_poll` has time, unless a frame comes. For a loop that sleeps:
 * until then, or `sys_timeouts_sleeptime`, whichever is first. */
u32_t lwip_echo_sleeptime(void);

/* Resets all connections, and listens no more. */
void lwip_echo_stop(void);

#endif
