"""What the encoder's heads tell apart, in the order of their outputs."""

from typing import Final

DOMAINS: Final = (
    "biology", "business", "chemistry", "computer science", "economics", "engineering", "health", "history",
    "law", "math", "other", "philosophy", "physics", "psychology",
)  # fmt: skip
"""The categories of MMLU-Pro, in the order of the head's outputs."""

INTENTS: Final = (
    "knowledge_qa", "math_problem", "code_generation", "code_debugging", "creative_writing",
    "business_writing", "summarization", "translation", "extraction", "analysis", "customer_support",
    "assistant_command", "general_chat",
)  # fmt: skip
"""What the user wants done; a second axis beside the domain."""

PII_TYPES: Final = (
    "PERSON", "STREET_ADDRESS", "ORGANIZATION", "GPE", "DATE_TIME", "DATE_OF_BIRTH", "AGE", "PHONE_NUMBER",
    "EMAIL_ADDRESS", "URL", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "UK_NINO", "IP_ADDRESS", "MAC_ADDRESS",
    "US_PASSPORT", "US_DRIVER_LICENSE", "BANK_ACCOUNT", "MEDICAL_RECORD", "API_KEY",
)  # fmt: skip
"""What the tagger tells apart, by Presidio's names; ZIP_CODE counts as STREET_ADDRESS, DOMAIN_NAME as URL."""
