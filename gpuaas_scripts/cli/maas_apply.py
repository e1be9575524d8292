"""Carries out an upload that was shown, reads everything back, and says of each part what became of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ExitCode, GpuaasError
from ..maas.plan import Action, Verdict, verify
from ..maas.tags import verify as verify_tags
from .maas_compare import compared, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..sinks.maas_session import MaasSession
    from ..sinks.maas_upload import Sent
    from .console import Console
    from .maas_compare import Compared, Held
    from .maas_repo import Repository

_WORDS = {Action.CREATE: "created", Action.UPDATE: "updated", Action.DELETE: "deleted"}


@dataclass(frozen=True, slots=True)
class Part:
    """One script: what was asked of MAAS ("created"), whether MAAS was seen to hold it so, and what there is to say."""

    name: str
    word: str
    done: bool
    revision: int | None = None
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an upload. `tags_given` is None when no tag was to be given."""

    parts: tuple[Part, ...]
    tags_given: bool | None
    problems: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    """What was right and was changed by somebody while this ran."""

    @property
    def ok(self) -> bool:
        """Whether MAAS was seen to hold everything that was to be done."""
        return all(part.done for part in self.parts) and self.tags_given is not False and not self.problems

    def tell(self, console: Console, *, quiet: bool) -> None:
        """Print it: what was done to stdout (unless `quiet`), what was not to stderr, equal reasons once."""
        for part in self.parts:
            if part.done and not quiet:
                revision = f" (revision {part.revision})" if part.revision else ""
                console.data(f"{part.word} {part.name}{revision}, read back")
            for text in part.said if part.done else ():
                console.info(f"note: {text}")
        if self.tags_given and not quiet:
            console.data("tags given, read back")
        reasons: dict[tuple[str, ...], list[str]] = {}
        for part in self.parts:
            if not part.done:
                reasons.setdefault(part.said, []).append(part.name)
        for said, names in reasons.items():
            console.error(f"not done: {', '.join(names)}: {'; '.join(said)}")
        for problem in self.problems:
            console.error(problem)
        for text in self.moved:
            console.error(text)
        done = sum(part.done for part in self.parts)
        if not self.ok:
            console.info(f"{done} of {len(self.parts)} scripts done; the same command again does the rest")

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        parts = [
            {"name": part.name, "action": part.word, "done": part.done, "revision": part.revision, "said": [*part.said]}
            for part in self.parts
        ]
        return {"ok": self.ok, "scripts": parts, "tags": self.tags_given, "problems": [*self.problems, *self.moved]}


async def require_administrator(session: MaasSession) -> None:
    """Raises MaasError when the key's user may read and not write."""
    from ..sinks.maas_errors import MaasError, Trouble

    user = await session.call("Users.whoami")
    if not user.get("is_superuser"):
        raise MaasError(
            Trouble.FORBIDDEN,
            f"the API key's user {user.get('username')!r} is no administrator of MAAS",
            hint="use an administrator's key; --dry-run works with any",
        )


@dataclass(slots=True)
class Apply:
    """Carries out one plan; `sent` is what was answered so far, also when it is cut off."""

    repository: Repository
    sent: list[Sent] = field(default_factory=list)
    total: int = 0

    @contextmanager
    def telling(self, console: Console) -> Iterator[None]:
        """When the user stops the work within, say what was done until then."""
        from ..sinks.maas_upload import Fate

        try:
            yield
        except KeyboardInterrupt:
            done = [item for item in self.sent if item.fate is Fate.DONE]
            names = ", ".join(_name(item) for item in done) or "none"
            console.info(f"stopped: {len(done)} of {self.total} scripts were answered as done: {names}")
            console.info("what was sent last may be done, too; the same command again does the rest")
            raise

    async def carry_out(self, session: MaasSession, found: Compared, *, look_again: bool = False) -> Outcome:
        """Send what `found` says and read it back.

        With `look_again` (somebody took time to agree) MAAS is read again first, and a GpuaasError (exit code 3)
        says so when it is no longer as shown. Raises MaasError when reading fails before anything was sent, and when
        nothing at all could be done.
        """
        from ..sinks.maas_errors import MaasError
        from ..sinks.maas_upload import HOPELESS, Fate, carry_out, give_tags

        if look_again:
            now = compared(session, self.repository, found.choice, await read(session, self.repository), found.commit)
            if (now.requests, now.tags) != (found.requests, found.tags):
                raise GpuaasError(
                    "MAAS changed since the plan was shown; nothing was done",
                    hint="run the command again to see what it is now",
                    exit_code=ExitCode.DRIFT,
                )
        self.total = len(found.requests)
        sent = await carry_out(session, found.requests, self.sent.append)
        hopeless = [item.error for item in sent if item.error and item.error.trouble in HOPELESS]
        if hopeless and not any(item.fate in (Fate.DONE, Fate.UNKNOWN) for item in sent):
            raise hopeless[0]  # nothing was done, and all would say the same
        problems: tuple[str, ...] = ()
        if found.tags.pending and not hopeless:
            try:
                problems = await give_tags(session, found.tags)
            except MaasError as error:
                if not sent:
                    raise
                problems = (str(error),)
        return await self._read_back(session, found, sent, problems)

    async def _read_back(
        self, session: MaasSession, found: Compared, sent: tuple[Sent, ...], problems: tuple[str, ...]
    ) -> Outcome:
        try:
            held = await read(session, self.repository)
        except GpuaasError as error:
            parts = tuple(_unseen(item, str(error)) for item in sent)
            return Outcome(parts, False if found.tags.pending else None, problems or (f"reading back: {error}",))
        now = compared(session, self.repository, found.choice, held, found.commit)
        by_request = {item.request: item for item in sent}
        parts = (*_changed(found, now, held, by_request), *_deleted(found, held, by_request))
        given = None
        if found.tags.pending:
            left = verify_tags(self.repository.nodes, held.tags, held.machines)
            given, problems = not left, (*problems, *left) if left else ()
        return Outcome(parts, given, problems, tuple(_moved(found, now)))


def _name(item: Sent) -> str:
    if item.request.name:
        return item.request.name
    from ..maas.metadata import parse

    return parse(dict(item.request.fields)["script"]).name


def _unseen(item: Sent, why: str) -> Part:
    """A request whose effect could not be looked at."""
    said = str(item.error) if item.error else f"sent ({item.fate}) and not read back: {why}"
    return Part(_name(item), _WORDS[item.request.action], done=False, said=(said,))


def _changed(found: Compared, now: Compared, held: Held, sent: dict[Any, Sent]) -> Iterator[Part]:
    verdicts = {change.name: change.verdict for change in now.scripts.changes}
    for change in found.chosen:
        assert change.request is not None  # noqa: S101 - what is chosen has one
        after = held.scripts.get(change.name)
        done = verdicts[change.name] is Verdict.UNCHANGED
        problems = verify(found.scripts.site, change, after)
        error = sent[change.request].error
        said = problems if done else ((str(error),) if error else problems) or ("not sent after the failure of others",)
        word = _WORDS[change.request.action]
        yield Part(change.name, word, done, after.head.id if after and done else None, said)


def _deleted(found: Compared, held: Held, sent: dict[Any, Sent]) -> Iterator[Part]:
    for item in found.deletions:
        gone = item.held.name not in held.scripts
        error = sent[item.request].error
        said = (str(error) if error else "kept, since not everything else was done",)
        yield Part(item.held.name, _WORDS[Action.DELETE], gone, said=() if gone else said)


def _moved(found: Compared, now: Compared) -> list[str]:
    """Scripts that were right and were changed by somebody while this ran."""
    before = {change.name for change in found.scripts.changes if change.verdict is Verdict.UNCHANGED}
    return [
        f"{change.name}: somebody changed it in MAAS meanwhile; it is {change.verdict} now"
        for change in now.scripts.changes
        if change.name in before and change.verdict is not Verdict.UNCHANGED
    ]
