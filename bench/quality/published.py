"""What the routing figures stand beside: figures that others published, and the prices that are assumed."""

from collections.abc import Mapping, Sequence

PAPER = "Ong et al. 2024, arXiv 2406.18665"
ARENA = "80k human preferences of Chatbot Arena"
GOLD = f"{ARENA} + about 1,500 MMLU validation questions"
JUDGED = f"{ARENA} + 120k pairs judged by GPT-4"
PUBLISHED: Mapping[str, tuple[str, Sequence[tuple[str, str, float, float, float]]]] = {
    "MMLU": (
        f"{PAPER}, table 2; 5-shot, all 14,042 questions less contaminated ones",
        (
            ("random", "nothing", 0.5007, 0.7993, 0.500),
            ("BERT", ARENA, 0.4943, 0.7780, 0.502),
            ("causal LLM (Llama 3 8B)", ARENA, 0.4888, 0.7793, 0.499),
            ("matrix factorisation", ARENA, 0.4500, 0.7686, 0.524),
            ("similarity-weighted ranking", ARENA, 0.5582, 0.8025, 0.473),
            ("BERT", GOLD, 0.4130, 0.7220, 0.572),
            ("causal LLM (Llama 3 8B)", GOLD, 0.3549, 0.7031, 0.600),
            ("matrix factorisation", GOLD, 0.3546, 0.7140, 0.597),
            ("similarity-weighted ranking", GOLD, 0.3540, 0.7155, 0.603),
        ),
    ),
    "GSM8K": (
        f"{PAPER}, table 3; 8-shot",
        (
            ("random", "nothing", 0.5000, 0.8008, 0.497),
            ("BERT", ARENA, 0.5878, 0.8384, 0.438),
            ("causal LLM (Llama 3 8B)", ARENA, 0.5609, 0.8356, 0.461),
            ("matrix factorisation", ARENA, 0.5359, 0.8524, 0.4746),
            ("similarity-weighted ranking", ARENA, 0.5443, 0.8211, 0.4753),
            ("BERT", JUDGED, 0.4476, 0.7909, 0.531),
            ("causal LLM (Llama 3 8B)", JUDGED, 0.3364, 0.6326, 0.622),
            ("matrix factorisation", JUDGED, 0.3882, 0.7262, 0.565),
            ("similarity-weighted ranking", JUDGED, 0.4121, 0.7220, 0.568),
        ),
    ),
}
"""Router, its training, CPT(50), CPT(80), APGR. Strong = GPT-4 (1106 preview), weak = Mixtral 8x7B."""

OURS = "MMLU-Pro, training side: which share of 13 models fails, Mixtral among them, GPT-4 not"

PRICES: Mapping[str, float] = {
    "llama-3.1-70b-instruct": 70.6,
    "llama-3.1-8b-instruct": 8.0,
    "qwen1.5-72b-chat": 72.3,
    "qwen1.5-7b-chat": 7.7,
    "mixtral-8x7b-instruct": 12.9,
    "mistral-7b-instruct-v0.2": 7.2,
    "phi-3-mini-4k": 3.8,
    "jamba-1.5-large": 94.0,
    "mathstral-7b": 7.2,
    "yi-6b-chat": 6.1,
    "command-r": 35.0,
    "gemini-1.5-pro-002": 170.0,
    "gemini-1.5-flash-002": 10.0,
}
"""Price of a question = billions of parameters that work on a token, as the makers publish them; answers are
taken to be equally long. Of Gemini they are not published: an assumption, 10 for Flash and 17 times that for
Pro, which is near the ratio of their list prices of late 2024."""

ASSUMED = frozenset({"gemini-1.5-pro-002", "gemini-1.5-flash-002"})
PAIR = ("llama-3.1-8b-instruct", "llama-3.1-70b-instruct")
