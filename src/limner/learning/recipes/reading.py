"""Reading recipes: YAML nodes and command-line settings into a room's dataclasses, with errors that name the line.

YAML is read as nodes, not values: they keep their lines, and the fields' types say what a scalar means.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from typing import Any, get_type_hints

import yaml

from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.learning.recipes.names import nearest_setting, setting_names, surely_wrong
from limner.learning.recipes.nodes import Source, compose, items, option_of, value_of
from limner.learning.recipes.overrides import apply_overrides, option, parse_overrides
from limner.learning.recipes.recipe import Choice, WeightedChoice, options_of
from limner.learning.recipes.values import convert, words_of


def read_recipe(text: str, name: str, recipe_types: Callable[[str], type | None], overrides: Sequence[str] = ()) -> Any:
    """The recipe that ``text`` (YAML) and the ``overrides`` say, as the dataclass that its ``task:`` names.

    name: what to call the text in messages (a file's path). recipe_types: gives a task's dataclass, or None.
    overrides: command-line tokens such as ``["--network.depth", "34", "--epochs=3"]``.
    Raises `UserError` with file and line for broken YAML, an unknown key or name (the nearest is offered), a value of
    the wrong type or out of bounds, or an override that means nothing beside another setting.
    """
    source = Source(name)
    root = compose(text, source)
    pairs = parse_overrides(overrides)
    task = value_of(root, "task")
    recipe_type = recipe_types(task.value) if isinstance(task, yaml.ScalarNode) else None
    apply_overrides(root, pairs, recipe_type)
    recipe_type = recipe_types(_task(root, source, lambda task: recipe_types(task) is not None))
    assert recipe_type is not None
    source = dataclasses.replace(source, settings=lambda: setting_names(recipe_type, root))
    recipe = _read_dataclass(root, recipe_type, source, "")
    for path, _ in pairs:
        if len(path) == 1:
            _check_meaning(path[0], recipe)
    return recipe


def read_choice(
    setting: str,
    name: str,
    entries: Mapping[str, Callable[..., Any]],
    given: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Choice:
    """One choice without a recipe around it: a name of ``entries``, and options as the command line has them.

    setting: what recipes call it, such as ``network``, so that an option is ``--network.depth 34``. given: arguments
    that are no options. Raises `UserError` for a name or an option that is not there, and a value of the wrong type.
    """
    source = Source(f"--{setting}")
    root = compose(f"{setting}: {{name: {name}}}", source)
    pairs = parse_overrides(overrides)
    for path, _ in pairs:
        if len(path) != 2 or path[0] != setting:
            raise UserError(f"{option(path)}: needed: an option of the {setting}, such as --{setting}.NAME VALUE")
    apply_overrides(root, pairs, None)
    node = value_of(root, setting)
    assert node is not None
    return _read_choice(node, {"entries": lambda: entries, "given": given, "former_options": {}}, source, setting)


def check_settings(text: str, name: str, recipe_type: type, overrides: Sequence[str] = ()) -> None:
    """Raise `UserError` for a setting that a recipe of this type does not have, and a value that one cannot have, as
    far as that can be told without torch: names of networks and the like, and their options, are left to
    `read_recipe`, and so is a name that may mean one of these."""
    root = compose(text, Source(name))
    apply_overrides(root, parse_overrides(overrides), recipe_type)
    names = setting_names(recipe_type, root, options=False)
    _check_settings(root, recipe_type, recipe_type, Source(name, settings=lambda: names), "")


def _check_settings(node: yaml.MappingNode, kind: type, recipe_type: type, source: Source, prefix: str) -> None:
    hints = get_type_hints(kind)
    fields = {item.name: item for item in dataclasses.fields(kind) if item.init}
    current = {item.metadata["formerly"]: item.name for item in fields.values() if item.metadata.get("formerly")}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        setting = current[key.value] if key.value in current else str(key.value)
        if setting not in fields:
            if surely_wrong(setting, source.settings(), recipe_type):
                _refuse_setting(key, prefix + setting, list(fields), source)
            continue
        section: Any = hints[setting]
        if "entries" in fields[setting].metadata:
            continue
        if isinstance(section, type) and dataclasses.is_dataclass(section) and isinstance(value, yaml.MappingNode):
            _check_settings(value, section, recipe_type, source, f"{prefix}{setting}.")
        elif not isinstance(value, yaml.MappingNode):
            given = convert(value, section, source, prefix + setting, lambda *_: None)  # sections of lists come later
            _check_bounds(given, fields[setting].metadata, value, source, prefix + setting)


def read_task(text: str, name: str, known: Callable[[str], bool]) -> str:
    """What the ``task:`` of a recipe says. Raises `UserError` with file and line where it names none that is known."""
    source = Source(name)
    return _task(compose(text, source), source, known)


def _task(root: yaml.MappingNode, source: Source, known: Callable[[str], bool]) -> str:
    node = dict(items(root, source)).get("task")
    if node is None:
        source.refuse(root, "no 'task:'; a recipe's first line names its task, such as 'task: segment'")
    if not isinstance(node, yaml.ScalarNode):
        source.refuse(node, "task needs one name, got a list or a section")
    if not known(node.value):
        source.refuse(node, f"unknown task '{node.value}'; see 'limner recipes'")
    return str(node.value)


def _check_meaning(name: str, recipe: Any) -> None:
    """Raise `UserError` for a setting of the command line that means nothing beside another that the recipe has."""
    named = (item for item in dataclasses.fields(recipe) if name in (item.name, item.metadata.get("formerly")))
    metadata = next(named).metadata
    other = metadata.get("unless", "")
    value = getattr(recipe, other) if other else None
    if not value:
        return
    if isinstance(value, tuple):
        instead, empty = " or ".join(option((other, item.name, name)) for item in value), "'[]'"
    else:
        instead, empty = option((other,)), "none"
    raise UserError(
        f"{option((name,))}: this recipe has {other}, beside which {name} means nothing; set {instead}, or add "
        f"{option((other,))} {empty}"
    )


def _read_dataclass(node: yaml.Node, cls: type, source: Source, prefix: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        got = f"'{node.value}'" if isinstance(node, yaml.ScalarNode) else "a list"
        source.refuse(node, f"'{prefix.rstrip('.')}' needs 'key: value' lines below it, got {got}")
    fields = {item.name: item for item in dataclasses.fields(cls) if item.init}
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    found = dict(items(node, source))
    keys = {key.value: key for key, _ in node.value}
    current = {item.metadata["formerly"]: name for name, item in fields.items() if item.metadata.get("formerly")}
    for given, value_node in found.items():
        name = current.get(given, given)
        if name not in fields:
            _refuse_setting(keys[given], prefix + name, list(fields), source)
        if name in values and not option_of(value_node):
            source.refuse(keys[given], f"'{prefix}{name}' is given twice, once by its former name; keep one")
        item = fields[name]
        if "entries" in item.metadata:
            read = _read_weighted if item.metadata.get("weighted") else _read_choice
            values[name] = read(value_node, item.metadata, source, prefix + name)
            continue
        values[name] = convert(value_node, hints[name], source, prefix + name, _read_dataclass)
        _check_bounds(values[name], item.metadata, value_node, source, prefix + name)
    missing = [
        n for n, f in fields.items() if n not in values and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        source.refuse(node, f"'{prefix}{missing[0]}' is missing: {fields[missing[0]].metadata.get('help', 'required')}")
    try:
        return cls(**values)
    except UserError as error:
        source.refuse(node, str(error))


def _refuse_setting(key: yaml.Node, name: str, beside: Sequence[str], source: Source) -> None:
    """Refuse a setting that the recipe does not have, and offer those that may have been meant."""
    flag, path = option_of(key), name.split(".")
    near = nearest_setting(name, beside, source.settings())
    if flag == option(path) and near:
        source.refuse(key, f"no such setting; did you mean {' or '.join(option(one.split('.')) for one in near)}?")
    if near:
        own = ".".join(path[:-1]) + "."
        source.refuse(
            key,
            f"unknown setting '{name}'; did you mean {' or '.join(repr(one.removeprefix(own)) for one in near)}?",
        )
    source.refuse(key, f"unknown setting '{name}'; {did_you_mean(path[-1], beside)}")


def _check_bounds(value: Any, metadata: Mapping[str, Any], node: yaml.Node, source: Source, name: str) -> None:
    low, high = metadata.get("minimum"), metadata.get("maximum")
    unit = f" {metadata['unit']}" if metadata.get("unit") else ""
    for number in value if isinstance(value, tuple) else (value,):
        if not isinstance(number, int | float) or isinstance(number, bool):
            continue
        if (low is not None and number < low) or (high is not None and number > high):
            wanted = f"at least {low}" if high is None else f"between {low} and {high}"
            source.refuse(node, f"{name} is {number}; it must be {wanted}{unit}")


def _read_choice(node: yaml.Node, metadata: Mapping[str, Any], source: Source, name: str) -> Choice:
    return Choice(*_read_entry(node, metadata, source, name))


def _read_weighted(
    node: yaml.Node, metadata: Mapping[str, Any], source: Source, name: str
) -> tuple[WeightedChoice, ...]:
    """A list of choices with weights; one alone, or names with commas, are a list, too."""
    nodes = (
        node.value
        if isinstance(node, yaml.SequenceNode)
        else words_of(node)
        if isinstance(node, yaml.ScalarNode)
        else [node]
    )
    choices: dict[str, WeightedChoice] = {}
    for item in nodes:
        weight = 1.0
        if (given := value_of(item, "weight")) is not None:
            weight = convert(given, float, source, f"{name}.weight", _read_dataclass)
            if not 0 <= weight < math.inf:
                source.refuse(given, f"{name}.weight is {weight}; it must be a number of 0 or more")
            item = yaml.MappingNode(item.tag, [pair for pair in item.value if pair[1] is not given], item.start_mark)
        chosen, options = _read_entry(item, metadata, source, name)
        if chosen in choices:
            source.refuse(item, f"{name} has '{chosen}' twice; keep one")
        choices[chosen] = WeightedChoice(chosen, options, weight)
    return tuple(choices.values())


def _read_entry(node: yaml.Node, metadata: Mapping[str, Any], source: Source, name: str) -> tuple[str, dict[str, Any]]:
    """The name and the options of one choice."""
    entries: Mapping[str, Callable[..., Any]] = metadata["entries"]()
    options: dict[str, yaml.Node] = {}
    chosen = node
    if isinstance(node, yaml.MappingNode):
        options = dict(items(node, source))
        if "name" not in options:
            source.refuse(node, f"{name} needs 'name:', one of {', '.join(entries)}")
        chosen = options.pop("name")
    elif isinstance(node, yaml.SequenceNode):
        source.refuse(node, f"{name} is a list; needed: one name of {', '.join(entries)}")
    if not isinstance(chosen, yaml.ScalarNode):
        source.refuse(chosen, f"{name}.name needs one value, got a list or a section")
    if chosen.value not in entries:
        source.refuse(chosen, f"unknown {name} '{chosen.value}'; {did_you_mean(chosen.value, entries)}")
    accepted = options_of(entries[chosen.value], metadata["given"])
    current: dict[str, yaml.Node] = {}
    for given, value_node in options.items():
        key = metadata["former_options"].get(given, given)
        if key in current and not option_of(value_node):
            source.refuse(value_node, f"option '{key}' of {name} is given twice, once by its former name; keep one")
        current[key] = value_node
    for key, value_node in current.items():
        if key not in accepted:
            near = nearest_setting(key, list(accepted), ())
            hint = f"did you mean '{near[0]}'?" if near else did_you_mean(key, accepted)
            source.refuse(value_node, f"unknown option '{key}' of {name} {chosen.value}; {hint}")
    return chosen.value, {
        key: convert(value, accepted[key].annotation, source, f"{name}.{key}", _read_dataclass)
        for key, value in current.items()
    }
