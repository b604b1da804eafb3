"""Drops what a continuation repeats of the answer before it: models do so although they are told not to. Pure."""

# Shorter repetitions may be meant. One of the whole answer is hardly ever.
FEWEST_CHARS, FEWEST_OF_ALL = 20, 8
# In a text that repeats itself, only this many places are compared.
MOST_PLACES = 100


class Overlap:
    """Holds the beginning of a continuation back for as long as it may be a repetition."""

    def __init__(self, before: str) -> None:
        self._before = before
        self._held = ""
        # Where in `before` a repetition may have begun; None until there is enough to look for.
        self._places: list[int] | None = None
        self.is_decided = not before
        self.has_dropped = False

    def feed(self, text: str) -> str:
        """Return what is certain to be new."""
        if self.is_decided or not text:
            return text
        known, self._held = len(self._held.lstrip()), self._held + text
        held = self._held.lstrip()
        if len(held) < FEWEST_OF_ALL:
            return "" if held in self._before else self.flush()
        if self._places is None:
            known, self._places = FEWEST_OF_ALL, self._places_of(held[:FEWEST_OF_ALL])
        self._places = [at for at in self._places if self._goes_on(held, known, at)]
        may_go_on = any(self._length(at) > len(held) for at in self._places)
        return "" if may_go_on else self.flush()

    def flush(self) -> str:
        """Return what was held back and is no repetition."""
        held, start = self._held, self._held.lstrip()
        self.is_decided, self._held = True, ""
        whole = [at for at in self._places or () if self._length(at) <= len(start) and self._is_repetition(at)]
        if not whole:
            return held
        self.has_dropped = True
        return start[self._length(min(whole)) :]

    def _length(self, at: int) -> int:
        return len(self._before) - at

    def _places_of(self, start: str) -> list[int]:
        """Return the last places where the text goes on like this, and its beginning if it does."""
        places = [0] if self._before.startswith(start) else []
        at = self._before.rfind(start)
        while at > 0 and len(places) < MOST_PLACES:
            places.append(at)
            at = self._before.rfind(start, 0, at + len(start) - 1)
        return places

    def _goes_on(self, held: str, known: int, at: int) -> bool:
        """Tell whether the text is like `held` from a place on, of which `known` characters were compared before."""
        return held.startswith(self._before[at + known : at + len(held)], known)

    def _is_repetition(self, at: int) -> bool:
        """Tell a repetition from a text that goes on as it was: rows of a table, lines of a song."""
        repeated = self._before[at:]
        is_long = len(repeated) >= (FEWEST_CHARS if at else FEWEST_OF_ALL)
        repeats_itself = repeated in (repeated + repeated)[1:-1] or self._before[:at].endswith(repeated)
        return is_long and any(map(str.isalpha, repeated)) and not repeats_itself
