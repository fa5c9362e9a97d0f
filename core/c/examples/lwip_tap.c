/*
 * The echo server of lwip.c on Linux, with lwIP behind a TAP interface: what a board's network
 * driver and main loop do.
 *
 *     apt-get install liblwip-dev
 *     cc -std=gnu99 -O2 -Iinclude -I/usr/include/lwip examples/lwip.c examples/lwip_tap.c -o lwip
 *         target/release/libecho_core_c.a -llwip
 *
 *     ip tuntap add tap0 mode tap && ip link set tap0 up
 *     ip addr add 192.168.69.100/24 dev tap0 && ip addr add fdaa::100/64 dev tap0
 *     ./lwip [--rfc862] [--one-shot] [--timeout MILLISECONDS] tap0
 *
 * It serves 192.168.69.1 and fdaa::1, port 2333, until SIGINT or SIGTERM.
 *
 * Debian's lwIP is built for an operating system with threads, but needs none as long as nobody
 * calls tcpip_init. Nor may PBUF_POOL be used: in that build its pbufs are smaller than lwIP
 * believes, and a full frame overflows the heap.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lwip/ethip6.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

#include "lwip.h"

enum {
    PORT = 2333,
    FRAME = 1514, /* bytes of the largest */
    FRAMES = 64   /* taken in a row, before timers have a turn */
};

static int wakes[2];
static int tap;

static void fail(const char *what)
{
    fprintf(stderr, "cannot %s: %s\n", what, strerror(errno));
    exit(3);
}

static void open_tap(const char *name)
{
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0)
        fail("open the TAP interface");
}

static err_t send_frame(struct netif *netif, struct pbuf *frame)
{
    uint8_t bytes[FRAME];
    u16_t length = pbuf_copy_partial(frame, bytes, sizeof bytes, 0);
    (void)netif;
    /* One that is lost here is sent again, as one that is lost on the way. */
    return write(tap, bytes, length) == length ? ERR_OK : ERR_IF;
}

/* False: there is none. */
static bool take_frame(struct netif *netif)
{
    uint8_t bytes[FRAME];
    ssize_t length = read(tap, bytes, sizeof bytes);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (length <= 0)
        fail("read from the TAP interface");
    struct pbuf *frame = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
    if (frame != NULL && (pbuf_take(frame, bytes, (u16_t)length) != ERR_OK ||
                          netif->input(frame, netif) != ERR_OK))
        pbuf_free(frame);
    return true;
}

static err_t set_up(struct netif *netif)
{
    static const uint8_t mac[] = {0x02, 0, 0, 0, 0, 0x01};
    netif->name[0] = 't';
    netif->name[1] = 'p';
    netif->mtu = 1500;
    netif->hwaddr_len = sizeof mac;
    memcpy(netif->hwaddr, mac, sizeof mac);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_LINK_UP | NETIF_FLAG_MLD6;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

static void start(struct netif *netif)
{
    ip4_addr_t address, mask;
    ip6_addr_t address6;
    s8_t index;

    lwip_init();
    IP4_ADDR(&address, 192, 168, 69, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP6_ADDR(&address6, PP_HTONL(0xfdaa0000), 0, 0, PP_HTONL(1));
    if (netif_add(netif, &address, &mask, NULL, NULL, set_up, ethernet_input) == NULL)
        fail("add the interface");
    netif_set_default(netif);
    netif_set_up(netif);
    netif_create_ip6_linklocal_address(netif, 1);
    if (netif_add_ip6_address(netif, &address6, &index) != ERR_OK)
        fail("add an address");
    /* At once: nobody else has it. */
    netif_ip6_addr_set_state(netif, 0, IP6_ADDR_PREFERRED);
    netif_ip6_addr_set_state(netif, index, IP6_ADDR_PREFERRED);
}

static void on_signal(int number)
{
    /* A pipe that is full wakes poll() as well. */
    ssize_t ignored = write(wakes[1], "", 1);
    (void)ignored;
    (void)number;
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;
    if (pipe(wakes) < 0 || fcntl(wakes[1], F_SETFL, O_NONBLOCK) < 0 ||
        sigaction(SIGINT, &action, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0)
        fail("catch signals");
}

static unsigned long number(const char *text, unsigned long most)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value > most) {
        fprintf(stderr, "\"%s\" is no number up to %lu\n", text, most);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    static struct netif netif;
    echo_rules rules = {0, 0, 0};
    const char *name = NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rfc862") == 0)
            rules.rfc862 = 1;
        else if (strcmp(argv[i], "--one-shot") == 0)
            rules.one_shot = 1;
        else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc)
            rules.idle = (uint32_t)number(argv[++i], UINT32_MAX);
        else
            name = argv[i];
    }
    if (name == NULL) {
        fprintf(stderr, "usage: lwip [--rfc862] [--one-shot] [--timeout MILLISECONDS] IFACE\n");
        return 2;
    }

    catch_signals();
    open_tap(name);
    start(&netif);
    if (!lwip_echo_listen(PORT, &rules)) {
        fprintf(stderr, "cannot listen: was libecho_core_c.a built for another echo_core.h?\n");
        return 3;
    }
    printf("Echo server on port %d\n", PORT);
    if (fflush(stdout) != 0)
        fail("print the port");

    for (;;) {
        struct pollfd polled[2] = {{tap, POLLIN, 0}, {wakes[0], POLLIN, 0}};
        u32_t wait = LWIP_MIN(sys_timeouts_sleeptime(), lwip_echo_sleeptime());
        if (poll(polled, 2, wait < INT_MAX ? (int)wait : INT_MAX) < 0 && errno != EINTR)
            fail("wait");
        if (polled[1].revents != 0)
            break;
        for (int frames = 0; frames < FRAMES && take_frame(&netif); frames++)
            continue;
        sys_check_timeouts();
        lwip_echo_poll();
    }

    lwip_echo_stop();
    close(tap);
    return 0;
}
