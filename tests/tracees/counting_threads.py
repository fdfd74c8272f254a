"""Three threads that count while the main thread obeys: c says the sum, p answers pong, q ends."""

import os
import threading

counts = [0, 0, 0]
over = threading.Event()


def count(index: int) -> None:
    while not over.wait(0.0005):
        counts[index] += 1


threads = [threading.Thread(target=count, args=(index,), daemon=True) for index in range(3)]
for thread in threads:
    thread.start()
os.write(1, b"ready\n")
while (letter := os.read(0, 1)) not in (b"", b"q"):
    os.write(1, b"pong\n" if letter == b"p" else f"sum {sum(counts)}\n".encode())
over.set()
for thread in threads:
    thread.join()
