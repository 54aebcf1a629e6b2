"""What Twist raises."""


class TwistError(Exception):
    """Something that cannot be done, in the words of the command line: what, why, and what helps."""


class Collapsed(TwistError):
    """Training collapsed (for example, all images got the same class) and was stopped; the offending step is saved."""


for _error in (TwistError, Collapsed):
    _error.__module__ = "twist"
