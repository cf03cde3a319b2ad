"""Asks through LiteLLM's Router with both servers, one question every few milliseconds, and prints how each ended."""

import asyncio
import json
import logging
import sys
import time

import litellm
from litellm import Router

litellm.suppress_debug_info = True
logging.disable(logging.CRITICAL)

first, second, questions, every = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) / 1000
cooldown = float(sys.argv[5]) if len(sys.argv) > 5 else None


def deployment(name: str, url: str, **more) -> dict:
    params = {"model": "openai/simulated", "api_base": url, "api_key": "sk-simulated", **more}
    return {"model_name": name, "litellm_params": {**params, "timeout": 10, "stream_timeout": 10}}


if cooldown is None:
    # As its documents show it: a model with another as its fallback.
    router = Router(
        model_list=[deployment("first", first), deployment("second", second)],
        fallbacks=[{"first": ["second"]}],
        num_retries=2,
    )
else:
    # One group of two servers in an order: LiteLLM cools a server down only beside another of its group. One failure is enough, as it is
    # for a chain.
    router = Router(
        model_list=[deployment("first", first, order=1), deployment("first", second, order=2)],
        num_retries=2,
        allowed_fails=0,
        cooldown_time=cooldown,
    )


async def ask(i: int) -> dict:
    await asyncio.sleep(i * every)
    began = time.monotonic()
    text, error = "", None
    try:
        stream = await router.acompletion(
            model="first",
            messages=[{"role": "user", "content": "Say the words."}],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
    except Exception as e:  # Whatever it is, the answer did not come.
        error = type(e).__name__
    return {"text": text, "error": error, "millis": (time.monotonic() - began) * 1000}


async def main() -> None:
    await ask(0)  # What is loaded at the first question is loaded now.
    print("ready", flush=True)
    sys.stdin.readline()
    ended = await asyncio.gather(*(ask(i) for i in range(questions)))
    sys.stdout.write(json.dumps(ended) + "\n")


asyncio.run(main())
