# outcome: raised | out-of-memory | killed | timed-out

import threading, time
while True:
    threading.Thread(target=time.sleep, args=(100.0,)).start()
