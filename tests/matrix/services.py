"""The echo services of both matrices: what Debian has, how it is started, and what is known of it."""

import os
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))

INETD = "127.0.0.1:echo stream tcp nowait{limit} root internal\n"

XINETD = """defaults
{{
    cps = 10000 1
}}
service echo
{{
    type = INTERNAL UNLISTED
    id = echo-stream
    socket_type = stream
    protocol = tcp
    user = root
    wait = no
    port = {port}
    bind = 127.0.0.1
}}
"""

RLINETD = 'service "echo" {{ port "7"; protocol tcp; user "root"; instances 200; loopback; }}\n'

HAPROXY = """defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend echo
    bind 127.0.0.1:{port}
    default_backend ours
backend ours
    server ours 127.0.0.1:{behind}
"""

NGINX = """load_module {packages}/usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ }}
stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:{behind}; HALF_CLOSE }} }}
"""

NGINX_START = "nginx -e {folder}/nginx.log -p {folder} -c {conf}"

# Plain to encrypted and back: both ends are stunnel's.
STUNNEL = """foreground = yes
pid =
[encrypts]
client = yes
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{between}
[decrypts]
accept = 127.0.0.1:{between}
connect = 127.0.0.1:{behind}
cert = {folder}/stunnel.pem
"""


@dataclass
class Service:
    """One column. In its texts {conf}, {port}, {behind}, {folder}, and {packages} for its own
    package unpacked, are filled in."""

    name: str
    start: str
    # The last is the service itself, the others what it needs.
    packages: list = field(default_factory=list)
    conf: str = ""
    port: int = 7007
    address: str = "127.0.0.1"
    # It hands on to `hosted server`.
    proxy: bool = False
    # Said before it is started, to the shell.
    before: str = ""
    # How it is told in the legend, where `start` is too long for it.
    told: str = ""
    # What its failures come from, by looking at it: cases (as shell patterns) and a sentence.
    why: list = field(default_factory=list)
    # The same of failures that do not show in each run.
    at_times: list = field(default_factory=list)


NCAT_STALL = (["one-mib", "*-unread", "*-ways", "*-window", "*-beside", "slow-reader"],
              "it waits in a write to `cat`, which waits in a write to it: both pipes are full, for ever.")

SOCAT_STALL = (["*-unread", "*-ways", "*-window", "*-beside", "fin-*", "one-mib"],
               "now and then it waits for ever in a write to its own pipe, which nobody else reads.")

NGINX_URGENT = (["urgent"], "a read that ends at the urgent mark passes for all there was: what follows waits until"
                " more comes.")

STUNNEL_TAIL = (["fin-*", "both-ways", "*-beside"], "once both sides have sent their FIN it reads no more, and the echo"
                " that still lies unread is lost.")

PYTHON = f"python3 {HERE}/servers.py"

SERVICES = [
    Service("xinetd", "xinetd -dontfork -filelog /dev/null -f {conf}", ["libwrap0", "xinetd"], XINETD,
            told="internal `echo`"),
    Service("openbsd-inetd", "inetd -d {conf}", ["libwrap0", "openbsd-inetd"],
            INETD.format(limit=".100000"), 7, told="internal `echo`"),
    Service("inetutils-inetd", "inetutils-inetd -d {conf}", ["inetutils-inetd"],
            INETD.format(limit=""), 7, told="internal `echo`"),
    # Its parser is looked for where the package installs it: laid over, for this run alone.
    Service("rlinetd", "rlinetd -d -f {conf}", ["libwrap0", "rlinetd"], RLINETD, 7, told="`loopback`",
            before="cd /usr/lib/*-linux-gnu && mount -t overlay overlay"
                   " -o lowerdir={packages}$PWD:$PWD $PWD"),
    Service("tcpserver", "tcpserver -H -R -l0 127.0.0.1 {port} cat", ["ucspi-tcp"]),
    Service("tcpsvd", "tcpsvd -l localhost -c 200 127.0.0.1 {port} cat", ["ipsvd"]),
    Service("ncat", "ncat -l -k 127.0.0.1 {port} -e /bin/cat",
            ["libpcap0.8", "liblua5.3-0", "libdbus-1-3", "libibverbs1", "libnl-3-200",
             "libnl-route-3-200", "ncat"], why=[
        (["fin-*", "urgent-last"], "at the client's FIN it exits at once: what `cat` has still to send is lost."),
    ], at_times=[NCAT_STALL]),
    Service("socat PIPE", "socat TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr PIPE",
            ["libwrap0", "socat"], at_times=[SOCAT_STALL]),
    Service("socat EXEC", "socat TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr EXEC:cat",
            ["libwrap0", "socat"]),
    Service("systemd", "systemd-socket-activate --inetd -a -l 127.0.0.1:{port} /bin/cat", ["systemd"]),
    Service("asyncio streams", PYTHON + " asyncio_streams {port}"),
    Service("asyncio protocol", PYTHON + " asyncio_protocol {port}", at_times=[
        (["both-ways", "slow-*", "zero-window"], "it stores whatever the peer does not read, without an end, and"
         " serves nobody while it works off some gigabytes."),
    ]),
    Service("socketserver", PYTHON + " threads {port}"),
    Service("homework", PYTHON + " homework {port}",
            told="a thread a connection, `decode()`, `send()`", why=[
        (["all-bytes", "each-byte", "ones", "*-utf8"], "it decodes what one `recv` brought, and bytes that are"
         " not text, or half of a character, end its thread with an exception."),
    ]),
    Service("simple homework", PYTHON + " simple {port}", told="one `recv`, one `send`, close",
            why=[(["*"], "it answers once, with 1024 bytes at most, and closes.")]),
    Service("node", "node -e \"require('net').createServer(s => s.on('error', () => {{}}).pipe(s))"
                    ".listen({port}, '127.0.0.1')\"", told="`s.pipe(s)`"),
    Service("smoltcp example", "{smoltcp} --tap echo0", port=6970, address="192.168.69.1",
            before="ip tuntap add echo0 mode tap && ip addr add 192.168.69.100/24 dev echo0"
                   " && ip link set echo0 up", told="`examples/server.rs`, port 6970",
            why=[(["*"], "a demonstration with one socket: what it has received it sends back in reverse, without its line feeds.")]),
    Service("haproxy", "haproxy -db -f {conf}",
            ["liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1", "haproxy"], HAPROXY,
            proxy=True, told="`mode tcp`, before ours"),
    Service("nginx", NGINX_START, ["nginx", "libnginx-mod-stream"], NGINX.replace("HALF_CLOSE", ""),
            proxy=True, told="`stream`, before ours", why=[
        (["fin-*", "both-ways", "urgent-last", "unread-beside"], "at the client's FIN it closes both"
         " directions, and the echo that is still under way is lost; `proxy_half_close on` mends that."),
    ], at_times=[NGINX_URGENT]),
    Service("nginx, half-close", NGINX_START, ["nginx", "libnginx-mod-stream"],
            NGINX.replace("HALF_CLOSE", "proxy_half_close on;"),
            proxy=True, told="the same with `proxy_half_close on`", at_times=[NGINX_URGENT]),
    Service("stunnel", "stunnel4 {conf}", ["libwrap0", "stunnel4"], STUNNEL, proxy=True,
            before="openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=echo -days 2"
                   " -keyout {folder}/stunnel.pem -out {folder}/cert.pem 2>/dev/null"
                   " && cat {folder}/cert.pem >>{folder}/stunnel.pem",
            told="two of them, TLS between, before ours", at_times=[STUNNEL_TAIL]),
]

XINETD_UDP = """defaults
{{
    cps = 10000 1
}}
service echo
{{
    type = INTERNAL UNLISTED
    id = echo-dgram
    socket_type = dgram
    protocol = udp
    user = root
    wait = yes
    port = {port}
}}
"""

INETD_UDP = "echo dgram udp wait root internal\n"

RLINETD_UDP = 'service "echo" {{ port "7"; protocol udp; user "root"; loopback; }}\n'

SIZES = [1025, 1472, 1473, 2049, 4097, 8193, 12289, 65507]


def cut(buffer):
    """The sizes that such a buffer does not hold."""
    return ([f"size-{size}" for size in SIZES if size > buffer], f"its buffer has {buffer} bytes: the rest is cut off.")


LOOPS = (["echo-port", "small-ports", "own-port"], "it answers whoever asks: two such services answer each"
         " other for ever.")

OTHER = (["other-address"], "its socket is bound to all addresses, and the system chooses from which of them it"
         " answers.")

GLUED = (["in-a-row", "*-at-once", "flood-beside"], "it takes datagrams for a stream: what comes close together goes back"
         " as one, to one client.")

EMPTY = (["size-0"], "an empty datagram is the end of a stream to it.")


# Over UDP; they are asked from another host, at both of its addresses.
DATAGRAM_SERVICES = [
    Service("xinetd", "xinetd -dontfork -filelog /dev/null -f {conf}", ["libwrap0", "xinetd"],
            XINETD_UDP, told="internal `echo`", why=[cut(2048), OTHER, LOOPS], at_times=[
        (["*-at-once", "in-a-row", "*-beside"], "of datagrams that arrive together it answers one; the others are lost."),
    ]),
    Service("openbsd-inetd", "inetd -d {conf}", ["libwrap0", "openbsd-inetd"], INETD_UDP, 7,
            told="internal `echo`", why=[cut(4096), OTHER, LOOPS]),
    Service("inetutils-inetd", "inetutils-inetd -d {conf}", ["inetutils-inetd"], INETD_UDP, 7,
            told="internal `echo`", why=[cut(8192), OTHER, LOOPS]),
    Service("rlinetd", "rlinetd -d -f {conf}", ["libwrap0", "rlinetd"], RLINETD_UDP, 7, told="`loopback`",
            before="cd /usr/lib/*-linux-gnu && mount -t overlay overlay"
                   " -o lowerdir={packages}$PWD:$PWD $PWD"),
    Service("socat RECVFROM", "socat UDP-RECVFROM:{port},fork PIPE", ["libwrap0", "socat"],
            why=[cut(8192), (["*"], "after an empty datagram it serves nobody any more.")]),
    Service("socat LISTEN", "socat UDP-LISTEN:{port},fork,reuseaddr PIPE", ["libwrap0", "socat"],
            why=[cut(8192), EMPTY, GLUED, OTHER, LOOPS]),
    Service("ncat", "ncat -u -l -k {port} -e /bin/cat",
            ["libpcap0.8", "liblua5.3-0", "libdbus-1-3", "libibverbs1", "libnl-3-200",
             "libnl-route-3-200", "ncat"], why=[cut(8192), EMPTY, GLUED, OTHER, LOOPS]),
    Service("socketserver", PYTHON + " datagram_handler {port}", told="Python's `UDPServer`",
            why=[cut(8192), OTHER, LOOPS]),
    Service("asyncio", PYTHON + " datagram_protocol {port}", told="Python's `DatagramProtocol`",
            why=[(["size-0"], "Python's asyncio sends no empty datagram."), OTHER, LOOPS]),
    Service("homework", PYTHON + " datagram_homework {port}",
            told="`recvfrom(1024)`, `decode()`, `sendto()`", why=[
        (["all-bytes", "each-byte", "broken-utf8", "once", "in-a-row", "*-at-once", "*-turn", "*-beside",
          "*-vanish", "ipv4*", "other-*", "long-*", "*-full", "size-*", "*-port*"],
         "it takes bytes for text, up to 1024 of them, and does not answer nothing."),
    ]),
    Service("node", "node -e \"const s = require('dgram').createSocket('udp4');"
                    " s.on('message', (m, from) => s.send(m, from.port, from.address)).bind({port})\"",
            told="`s.send(m, from.port, from.address)`", why=[OTHER, LOOPS]),
    Service("hosted", "{hosted} server --udp --port {port} -q", told="`hosted server --udp`"),
]
