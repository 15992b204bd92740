# outcome: raised

import socket
def cube(x):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"inputs", ("127.0.0.1", @PORT@))
