"""Marionette, by which Mozilla's programs are driven: messages of JSON with their length in front."""
import json
import socket


class Marionette:
    def __init__(self, port, timeout=300):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.file = self.sock.makefile("rb")
        self.n = 0
        self._read()  # its greeting
        self.do("WebDriver:NewSession", capabilities={"timeouts": {"script": timeout * 1000}})

    def _read(self):
        size = b""
        while not size.endswith(b":"):
            c = self.file.read(1)
            if not c:
                raise EOFError("the program has ended")
            size += c
        return json.loads(self.file.read(int(size[:-1])))

    def do(self, command, **params):
        self.n += 1
        data = json.dumps([0, self.n, command, params]).encode()
        self.sock.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result

    def js(self, script, *args):
        """What a function with that body returns in the program's own window; a promise is awaited."""
        return self.do("WebDriver:ExecuteScript", script=script, args=list(args))["value"]
