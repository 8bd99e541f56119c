"""What the conformance kit raises."""


class ConformanceError(AssertionError):
    """A plugin broke a promise of its protocol.

    Attributes:
        promise: the promise as a sentence, the same text whatever was found.
        found: what the plugin did instead.
    """

    def __init__(self, promise: str, found: str) -> None:
        """Compose the message out of the promise and what was found."""
        super().__init__(f"{promise}: {found}")
        self.promise = promise
        self.found = found
