# outcome: raised

import socket
def cube(x):
    return socket.getaddrinfo("example.org", 80)
