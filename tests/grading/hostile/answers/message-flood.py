# outcome: timed-out | killed | out-of-memory | wrong | tampered

kernel = get_ipython().kernel
def cube(x):
    while True:
        content = {"name": "stdout", "text": "x" * 100_000}
        kernel.session.send(kernel.iopub_socket, "stream", content, parent=kernel.get_parent())
