# outcome: raised
# only: namespace

for k in range(20):
    with open(f"file-{k}", "wb") as file:
        for _ in range(50):
            file.write(bytes(10**6))
