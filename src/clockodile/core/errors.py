"""The exceptions that the command line shows as they are, never as a traceback."""


class UserError(Exception):
    """What is wrong, where, and what to do about it, in one line. The command line turns it into exit code 2."""

    def _render_traceback_(self) -> list[str]:
        """IPython calls this instead of printing a traceback, so a notebook shows the line alone."""
        return [f"clockodile: {self}"]


class NotebookFailed(Exception):
    """A notebook did not run to its end. The text is at most four lines: where, cause, what to do, which copy."""


def os_reason(error: OSError) -> str:
    """The operating system's complaint as one short phrase."""
    if isinstance(error, PermissionError):
        return "permission denied"
    return (error.strerror or str(error) or type(error).__name__).lower()
