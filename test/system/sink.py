"""A far side of a test's own that says what the test tells it to."""
import socketserver
import threading
import time


class Sink(socketserver.ThreadingTCPServer):
    """Answers RCPT with what `say` has for the local part; keeps what it took."""
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128  # of five, a busy machine drops some, and a lost SYN costs many seconds

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.say, self.slow, self.taken, self.dead = {}, set(), [], False
        self.mails = []  # (sender, recipient, bytes) of each
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(socketserver.StreamRequestHandler):
    def reply(self, text):
        self.wfile.write(text + b"\r\n")

    def handle(self):
        sink = self.server
        self.reply(b"220 sink")
        for line in self.rfile:
            verb = line[:4].upper()
            if sink.dead:
                return
            if verb == b"EHLO":
                self.reply(b"250 sink")
            elif verb == b"MAIL":
                self.sender = line.split(b"<")[1].split(b">")[0]
                self.reply(b"250 ok")
            elif verb == b"RCPT":
                self.to = line.split(b"<")[1].split(b">")[0]
                local = self.to.split(b"@")[0].decode()
                while local in sink.slow:
                    time.sleep(0.02)
                self.reply(sink.say.get(local, b"250 fine"))
            elif verb == b"DATA":
                self.reply(b"354 go on")
                text = b""
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    text += line
                sink.mails.append((self.sender.decode(), self.to.decode(), text))
                sink.taken.append(self.to.decode())
                self.reply(b"250 taken")
            elif verb == b"QUIT":
                self.reply(b"221 bye")
                return
            else:
                self.reply(b"250 ok")
