"""Hooks for connections that Dask sends to its workers; in a module of their own, which the workers import."""

import os
import signal

import pandas_shooju as sj


class KillOnce(sj.BaseHook):
    """Kills its process when it sends its third write, the first process to do so and no other."""

    def __init__(self, flag):
        self.flag = flag
        self.writes = 0
        self.driver = os.getpid()

    def before_request(self, request):
        if request.url.endswith("/series/write") and os.getpid() != self.driver:
            self.writes += 1
            if self.writes == 3:
                try:
                    os.close(os.open(self.flag, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    pass
                else:
                    os.kill(os.getpid(), signal.SIGKILL)
        return request
