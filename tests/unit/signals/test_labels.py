from waypost.signals.labels import DOMAINS, INTENTS, PII_TYPES


def test_labels_are_distinct_and_keep_the_order_of_the_published_heads() -> None:
    assert len(set(DOMAINS)) == len(DOMAINS) == 14
    assert list(DOMAINS) == sorted(DOMAINS)
    assert len(set(INTENTS)) == len(INTENTS) >= 7
    assert len(set(PII_TYPES)) == len(PII_TYPES)


def test_no_name_is_a_domain_and_an_intent() -> None:
    assert not set(DOMAINS) & set(INTENTS)  # a category may be bound by its name alone
