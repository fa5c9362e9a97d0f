/*
 * lwIP whose memory is now and then used up, for a program that is linked with --wrap for these
 * three. What fails has done nothing, and is tried again half a second later: so few of them fail.
 */
#include <stdbool.h>

#include "lwip/tcp.h"

err_t __real_tcp_write(struct tcp_pcb *pcb, const void *bytes, u16_t count, u8_t flags);
err_t __real_tcp_shutdown(struct tcp_pcb *pcb, int receiving, int sending);
err_t __real_tcp_close(struct tcp_pcb *pcb);
err_t __wrap_tcp_write(struct tcp_pcb *pcb, const void *bytes, u16_t count, u8_t flags);
err_t __wrap_tcp_shutdown(struct tcp_pcb *pcb, int receiving, int sending);
err_t __wrap_tcp_close(struct tcp_pcb *pcb);

static bool every(unsigned so_many, unsigned *calls)
{
    return ++*calls % so_many == 0;
}

err_t __wrap_tcp_write(struct tcp_pcb *pcb, const void *bytes, u16_t count, u8_t flags)
{
    static unsigned calls;
    return every(100, &calls) ? ERR_MEM : __real_tcp_write(pcb, bytes, count, flags);
}

err_t __wrap_tcp_shutdown(struct tcp_pcb *pcb, int receiving, int sending)
{
    static unsigned calls;
    return every(20, &calls) ? ERR_MEM : __real_tcp_shutdown(pcb, receiving, sending);
}

err_t __wrap_tcp_close(struct tcp_pcb *pcb)
{
    static unsigned calls;
    return every(20, &calls) ? ERR_MEM : __real_tcp_close(pcb);
}
