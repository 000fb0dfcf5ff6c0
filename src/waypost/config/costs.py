"""The price list: the prices of all models, and the one that savings are told against."""

from waypost.config import schema
from waypost.config.book import Book
from waypost.usage import Costs


def costs(document: schema.Document, book: Book) -> Costs:
    """Make it; what is wrong is added to the findings."""
    prices = {name: block.price for name, block in book.blocks.items() if block.price is not None}
    wanted = document.costs
    baseline = None if wanted.baseline is None else book.resolve(wanted.baseline, ("costs", "baseline"))
    if baseline is not None and baseline not in prices:
        message = f"{baseline!r} has no price, so nothing can be told against it"
        remedy = f"give `price: {{input: …, output: …}}` to {baseline!r} under `models`"
        book.findings.error(("costs", "baseline"), message, remedy)
        baseline = None
    if wanted != schema.Costs():
        for name in book.endpoints:
            if name not in prices:
                message = f"what answers of {name!r} cost is not known"
                remedy = "give it a `price`; zeros for a model that costs nothing"
                book.findings.warn(("models", name), message, remedy)
    return Costs(prices, baseline, wanted.headers)
