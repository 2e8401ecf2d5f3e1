"""Requests of both SDKs to a real model, for tests/real_model.rs.

An order is one line of JSON: an address, and calls with a text each. The answer is one line: for each
call what the client could see of it.
"""

import asyncio
import json
import sys

import anthropic
import openai

MODEL = "smollm2-135m"
# Few, so that all of it takes a minute.
TOKENS = 4


def keys(thing):
    """Which members there are, everywhere in it."""
    if isinstance(thing, dict):
        return {key: keys(value) for key, value in sorted(thing.items())}
    if isinstance(thing, list):
        return [keys(item) for item in thing]
    return None


def look(chunks):
    """What there was of usage, and the form of what came."""
    plain = [chunk.to_dict() for chunk in chunks]
    return {
        "chunks": len(plain),
        "without_choices": sum(chunk.get("choices", True) == [] for chunk in plain),
        "starts": sum(chunk.get("type") == "message_start" for chunk in plain),
        "usage": [chunk["usage"] for chunk in plain if chunk.get("usage")],
        "timings": sum("timings" in chunk for chunk in plain),
        "first": keys(plain[0]),
        "last": keys({k: v for k, v in plain[-1].items() if k != "timings"}),
    }


async def chat(clients, text, leave=None, tokens=TOKENS, **more):
    messages = [{"role": "user", "content": text}]
    result = await clients["openai"].chat.completions.create(
        model=MODEL, messages=messages, max_tokens=tokens, temperature=0, **more
    )
    if not more.get("stream"):
        return look([result])
    seen = []
    async for chunk in result:
        seen.append(chunk)
        if len(seen) == leave:
            break
    await result.close()
    return look(seen)


async def chat_stream(clients, text):
    return await chat(clients, text, stream=True)


async def chat_usage(clients, text):
    return await chat(clients, text, stream=True, stream_options={"include_usage": True})


async def chat_left(clients, text):
    return await chat(clients, text, leave=4, tokens=400, stream=True)


async def completion_stream(clients, text):
    result = await clients["openai"].completions.create(
        model=MODEL, prompt=text, max_tokens=TOKENS, temperature=0, stream=True
    )
    return look([chunk async for chunk in result])


async def responses(clients, text):
    result = await clients["openai"].responses.create(
        model=MODEL, input=text, max_output_tokens=TOKENS, temperature=0
    )
    return look([result])


async def responses_stream(clients, text):
    result = await clients["openai"].responses.create(
        model=MODEL, input=text, max_output_tokens=TOKENS, temperature=0, stream=True
    )
    return look([event async for event in result])


async def message(clients, text, **more):
    messages = [{"role": "user", "content": text}]
    return await clients["anthropic"].messages.create(
        model=MODEL, messages=messages, max_tokens=TOKENS, **more
    )


async def messages(clients, text):
    return look([await message(clients, text)])


async def messages_stream(clients, text):
    return look([event async for event in await message(clients, text, stream=True)])


CALLS = [chat, chat_stream, chat_usage, chat_left, completion_stream]
CALLS += [responses, responses_stream, messages, messages_stream]
CALLS = {function.__name__: function for function in CALLS}


UNANSWERED = (openai.InternalServerError, openai.APIConnectionError)
UNANSWERED += (anthropic.InternalServerError, anthropic.APIConnectionError)


async def until_answered(name, clients, text):
    """llama.cpp now and then closes a connection on which the next request is under way, with a proxy or without."""
    for left in (2, 1, 0):
        try:
            return await CALLS[name](clients, text)
        except UNANSWERED:
            if left == 0:
                raise


async def obey(order):
    """One call after another, so that the access log has them in this order."""
    base = order["base"]
    options = {"api_key": "none", "max_retries": 0, "timeout": 60}
    clients = {
        "openai": openai.AsyncOpenAI(base_url=f"http://{base}/v1", **options),
        "anthropic": anthropic.AsyncAnthropic(base_url=f"http://{base}", **options),
    }
    seen = []
    for name, text in order["calls"]:
        seen.append(await until_answered(name, clients, text))
    for client in clients.values():
        await client.close()
    return seen


for line in sys.stdin:
    print(json.dumps(asyncio.run(obey(json.loads(line)))), flush=True)
