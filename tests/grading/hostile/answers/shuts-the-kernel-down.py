# outcome: killed

get_ipython().kernel.do_shutdown(restart=True)
import asyncio
asyncio.get_event_loop().stop()
get_ipython().kernel.stop() if hasattr(get_ipython().kernel, "stop") else None
import os
os.kill(os.getpid(), 15)
