# outcome: wrong | timed-out

import threading, time
def spin():
    while True:
        time.sleep(0.001)
def cube(x):
    for _ in range(10):
        threading.Thread(target=spin).start()
    return np.zeros_like(x)
