"""Checks of the sizes that a checkpoint names, before a network of those sizes is built."""


def check_sizes(config: object, **bounds: int) -> None:
    """Check whole numbers from 1 to each bound, and ``dropout``.

    Raises:
        ValueError: a field is something else; the message names it.
    """
    for field, highest in bounds.items():
        value = getattr(config, field)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= highest:
            raise ValueError(f"{field} is {value!r}, expected a whole number from 1 to {highest}")
    dropout = getattr(config, "dropout", 0)
    if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout!r}, expected a number from 0 up to 1")


def check_other_classes(count: int) -> None:
    """Check the number of classes without a label.

    Raises:
        ValueError: it isn't a whole number from 0 to 10 000.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 10_000:
        raise ValueError(f"other_classes is {count!r}, expected a whole number from 0 to 10000")
