# outcome: timed-out

import signal, time
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
def cube(x):
    while True:
        time.sleep(1.0)
