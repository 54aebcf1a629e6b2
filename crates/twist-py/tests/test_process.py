"""Python goes on while a model works; Ctrl-C ends the wait; nothing is left behind; a fork is told."""

import gc
import os
import signal
import threading
import time
import unittest

import numpy

import support
import twist


class Process(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = twist.load(support.place() / "run")
        cls.many = numpy.stack([support.picture(number) for number in range(200)] * 20)

    def test_another_thread_advances(self):
        seen, stop = [], threading.Event()

        def count():
            while not stop.wait(0.002):
                seen.append(time.monotonic())

        thread = threading.Thread(target=count)
        thread.start()
        began = time.monotonic()
        self.model.embed(self.many)
        ended = time.monotonic()
        stop.set()
        thread.join()
        during = [at for at in seen if began < at < ended]
        longest = max(numpy.diff([began, *during, ended]))
        self.assertGreater(len(during), 10)
        # Arrays become images with the interpreter locked; the network and the loader do not lock it.
        self.assertLess(longest, 0.5 * (ended - began))

    def test_threads_may_share_a_model(self):
        expected, found = self.model.embed(self.many[:64]), {}

        def embed(number):
            found[number] = self.model.embed(self.many[:64])

        threads = [threading.Thread(target=embed, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([(found[number] == expected).all() for number in range(4)], [True] * 4)

    def test_ctrl_c_ends_the_wait(self):
        began = time.monotonic()
        self.model.embed(self.many)
        whole = time.monotonic() - began
        threading.Timer(whole / 4, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            self.model.embed(self.many)
        self.assertLess(time.monotonic() - began, 0.8 * whole + 0.5)
        self.assertEqual(len(self.model.embed(self.many[:3])), 3, "the model goes on")

    def test_a_loop_leaves_nothing_behind(self):
        def resident():
            gc.collect()
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

        def loop(rounds):
            for _ in range(rounds):
                twist.load(support.place() / "run").embed(self.many[:64])

        loop(20)
        before = resident()
        loop(100)
        after = resident()
        print(f"\nresident before {before:.1f} MiB, after 100 rounds of load and embed {after:.1f} MiB")
        self.assertLess(after - before, 30)

    def test_a_fork_is_told_to_load_again(self):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                self.model.embed(self.many[:1])
                answer = "no error"
            except twist.TwistError as error:
                answer = str(error)
            os.write(writer, answer.encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as told:
            self.assertRegex(told.read(), "this process is a fork")
        os.waitpid(child, 0)


if __name__ == "__main__":
    unittest.main()
