"""The one class that a module subclasses.

    class Words(ModuleWorker[Text, Count]):
        async def process(self, data: Text) -> Count:
            return Count(words=len(data.text.split()))

The class above is the module `words`. `process` may also be a plain `def`; it then runs in a thread.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterator, Mapping
from copy import deepcopy
from typing import Any, ClassVar, Generic, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from spine.errors import InvalidInputError, PermanentError
from spine.services import Services, current_services


class AnyFields(BaseModel):
    """Input or output of a module that does not say which fields it has."""

    model_config = ConfigDict(extra="allow")


class ModuleContext(BaseModel):
    """Whose work a module does."""

    job_id: str = ""
    run_id: str = ""
    graph: str = ""
    module: str = ""
    round: int = 1


In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)


class ModuleWorker(ABC, Generic[In, Out]):
    """One module of a graph. An instance is made for each run of it and keeps nothing for the next one.

    What a run must not do twice outside (send, order, pay) belongs under a key (`spine.effects.EffectLedger`): a
    process that dies between the effect and its record is followed by another that runs the module again.
    """

    name: ClassVar[str] = ""
    """What graphs call it; without it, the class's name in small letters (`IntentValidator`: intent_validator)."""

    input_model: ClassVar[type[BaseModel]] = AnyFields
    output_model: ClassVar[type[BaseModel]] = AnyFields

    _types: ClassVar[tuple[Any, Any]] = (In, Out)
    """Of input and output; type variables where a generic base class leaves them to those that subclass it."""

    def __init__(self, context: ModuleContext | None = None) -> None:
        self.context = context or ModuleContext(module=self.name)
        self.logger = logging.getLogger(f"millrace.modules.{self.name}")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = module_name(cls.__name__)
        for base in getattr(cls, "__orig_bases__", ()):
            origin: Any = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, ModuleWorker):
                cls._types = _filled(origin, get_args(base))
                cls._take_types(*cls._types)

    @classmethod
    def _take_types(cls, given: Any, made: Any) -> None:
        if isinstance(given, type) and issubclass(given, BaseModel):
            cls.input_model = given
        if isinstance(made, type) and issubclass(made, BaseModel):
            cls.output_model = made

    @abstractmethod
    def process(self, data: In) -> Out | Awaitable[Out]:
        """The module's work.

        A `RetryableError`, a lost connection or the time limit is tried again as the graph says; every other error
        ends the job, which can be put back to work from this module on.
        """
        ...

    @property
    def services(self) -> Services:
        """Documents, models, pages and the rest. They belong to the event loop: not for a `process` in a thread."""
        return current_services()

    async def run(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON of the output for the JSON of the input; fields that the input does not know are left out.

        Raises `InvalidInputError` when the input does not fit, `PermanentError` when the output does not.
        """
        given: Any = self._read(data)
        if inspect.iscoroutinefunction(self.process):
            made: Any = await self.process(given)
        else:
            made = await asyncio.to_thread(self._process_here, given)
            made = await made if inspect.isawaitable(made) else made
        output = self._checked(made)
        if place := next(_not_finite(output.model_dump(), "output"), None):
            raise PermanentError(
                f"The output of module {self.name} cannot be stored: {place}; JSON has no such number."
            )
        return output.model_dump(mode="json")

    def _process_here(self, given: Any) -> Any:
        try:
            return self.process(given)
        except (StopIteration, KeyboardInterrupt) as error:
            # No future can hold the first: whoever waits would wait until the time limit. The second would pass for a
            # person's Ctrl-C, which never reaches a thread.
            raise RuntimeError(f"process raised {type(error).__name__}: {error}") from error

    def _read(self, data: Mapping[str, Any]) -> BaseModel:
        """The input as this run's own: what it does to it, no branch beside it and no module after it may see."""
        try:
            return self.input_model.model_validate(deepcopy(dict(data)))
        except ValidationError as error:
            raise InvalidInputError(f"The input of module {self.name} does not fit: {_told(error)}.") from None

    def _checked(self, made: Any) -> BaseModel:
        try:
            return made if isinstance(made, self.output_model) else self.output_model.model_validate(made)
        except ValidationError as error:
            if isinstance(made, Mapping) or any(one["loc"] for one in error.errors()):
                raise PermanentError(f"The output of module {self.name} does not fit: {_told(error)}.") from None
            gave = "nothing" if made is None else type(made).__name__
            wanted = "a dict" if self.output_model is AnyFields else f"{self.output_model.__name__} or a dict"
            raise PermanentError(f"Module {self.name} returned {gave}; its `process` has to return {wanted}.") from None


def fault_of(worker: type[ModuleWorker[Any, Any]]) -> str:
    """Why no run of the module could ever give an output; empty where nothing shows without running it."""
    process = inspect.getattr_static(worker, "process")
    if getattr(process, "__isabstractmethod__", False):
        return "has no method `process`"
    if inspect.isgeneratorfunction(process) or inspect.isasyncgenfunction(process):
        return "yields in `process`, which has to return one output"
    if not inspect.isfunction(process):
        return ""
    try:
        inspect.signature(process).bind("self", "data")
    except TypeError:
        return "has a `process` that cannot be called: its arguments are `self` and the input"
    return ""


def _filled(base: Any, given: tuple[Any, ...]) -> tuple[Any, Any]:
    """Input and output of a generic class with these types in the places of its variables."""
    places = dict(zip(base.__parameters__, given, strict=False))
    taken, made = (places.get(one, one) if isinstance(one, TypeVar) else one for one in base._types)
    return taken, made


def _not_finite(value: Any, path: str) -> Iterator[str]:
    """The places of NaN and infinities, which would silently become null."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"`{path}` is {value}"
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[Any, Any]", value).items():
            yield from _not_finite(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for inner in cast("list[Any]", value):
            yield from _not_finite(inner, path)


def module_name(class_name: str) -> str:
    """`HistoryPreferences` → `history_preferences`, `HTTPCheck` → `http_check`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()


def _told(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors()[:5])
