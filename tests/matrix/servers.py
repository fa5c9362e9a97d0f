#!/usr/bin/env python3
"""Echo servers as they are usually written in Python: servers.py KIND PORT."""

import asyncio
import resource
import socket
import socketserver
import sys
import threading


def asyncio_streams(port):
    """Reads, writes and drains until the peer ends."""

    async def serve(reader, writer):
        while data := await reader.read(1024):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(main())


def asyncio_protocol(port):
    """Hands on whatever comes, and lets asyncio store it."""

    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(data)

    async def main():
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(main())


def threads(port):
    """The standard library's server with a thread for each connection."""

    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            while data := self.request.recv(1024):
                self.request.sendall(data)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 100

    Server(("127.0.0.1", port), Echo).serve_forever()


def homework(port):
    """A thread for each connection; it takes what comes for text, and trusts `send`."""

    def serve(connection):
        connection.settimeout(30)
        with connection:
            try:
                while text := connection.recv(1024).decode():
                    if text == "exit":
                        break
                    connection.send(text.encode())
            except OSError:
                pass

    listener = socket.create_server(("127.0.0.1", port), backlog=100)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def simple(port):
    """One `recv`, one `send`, and the connection is closed."""
    listener = socket.create_server(("127.0.0.1", port), backlog=100)
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.send(connection.recv(1024))
            except OSError:
                pass


def datagram_handler(port):
    """The standard library's server of datagrams."""

    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            data, sock = self.request
            sock.sendto(data, self.client_address)

    socketserver.UDPServer(("", port), Echo).serve_forever()


def datagram_protocol(port):
    """asyncio's, as its documentation has it."""

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            self.transport.sendto(data, addr)

    async def main():
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(Echo, local_addr=("0.0.0.0", port))
        await asyncio.sleep(3600)

    asyncio.run(main())


def datagram_homework(port):
    """It takes what comes for text, has a small buffer, and does not answer nothing."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", port))
    while True:
        data, client = sock.recvfrom(1024)
        if text := data.decode(errors="replace"):
            sock.sendto(text.encode(), client)


KINDS = [asyncio_streams, asyncio_protocol, threads, homework, simple, datagram_handler,
         datagram_protocol, datagram_homework]

if __name__ == "__main__":
    # Who stores without bound is not to take the machine down.
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    {kind.__name__: kind for kind in KINDS}[sys.argv[1]](int(sys.argv[2]))
