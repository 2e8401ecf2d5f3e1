"""Everything that the SDKs of OpenAI and Anthropic yield, for tests/clients.rs to compare.

An order is one line of JSON: an address, names of calls (null: all), those of which the bytes are wanted,
and after how many chunks a stream is left (null: never). The answer is one line: what each call yielded,
as text, in order.
"""

import asyncio
import functools
import inspect
import json
import sys

import anthropic
import openai

MODEL = "llama-8b"
MESSAGES = [{"role": "user", "content": "Will it rain in Zürich today, and what would you wear?"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT = {"model": MODEL, "messages": MESSAGES}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
MESSAGE = {"model": MODEL, "messages": MESSAGES, "max_tokens": 50}
PROMPT = {"model": MODEL, "prompt": "Once upon a time"}
INPUT = {"model": MODEL, "input": "Once upon a time"}
STREAM = {"stream": True}
USAGE = {"stream": True, "stream_options": {"include_usage": True}}

# Name: the client, the method, its arguments.
CALLS = {
    "chat": ("openai", "chat.completions.create", CHAT),
    "chat, tools": ("openai", "chat.completions.create", CHAT | {"tools": TOOLS}),
    "chat stream": ("openai", "chat.completions.create", CHAT | STREAM),
    "chat stream, tools": ("openai", "chat.completions.create", CHAT | STREAM | {"tools": TOOLS}),
    "chat stream, two choices": ("openai", "chat.completions.create", CHAT | STREAM | {"n": 2}),
    "chat stream, usage wanted": ("openai", "chat.completions.create", CHAT | USAGE),
    "chat stream, usage not wanted": (
        "openai",
        "chat.completions.create",
        CHAT | {"stream": True, "stream_options": {"include_usage": False}},
    ),
    "chat stream, other options": (
        "openai",
        "chat.completions.create",
        CHAT | {"stream": True, "stream_options": {"include_obfuscation": False}},
    ),
    "chat stream, accumulated": ("openai", "chat.completions.stream", CHAT),
    "completions": ("openai", "completions.create", PROMPT),
    "completions stream": ("openai", "completions.create", PROMPT | STREAM),
    "completions stream, usage wanted": ("openai", "completions.create", PROMPT | USAGE),
    "responses": ("openai", "responses.create", INPUT),
    "responses stream": ("openai", "responses.create", INPUT | STREAM),
    "embeddings": ("openai", "embeddings.create", INPUT | {"encoding_format": "float"}),
    "models": ("openai", "models.list", {}),
    "messages": ("anthropic", "messages.create", MESSAGE),
    "messages stream": ("anthropic", "messages.create", MESSAGE | STREAM),
    "messages stream, accumulated": ("anthropic", "messages.stream", MESSAGE),
}


def headers(name):
    """The scripted server makes its ids of the number, so every way gets the same."""
    return {"x-scenario-exchange": str(list(CALLS).index(name)), "x-call": name}


def method_of(client, path):
    for name in path.split("."):
        client = getattr(client, name)
    return client


def dump(seen, thing):
    """One thing that an SDK yielded: all of it, and what was set in it."""
    seen["yielded"].append(thing.model_dump_json())
    seen["set"].append(thing.model_dump_json(exclude_unset=True))


def failed(seen, error):
    body = getattr(error, "body", None)
    seen["end"] = f"{type(error).__name__} {getattr(error, 'status_code', '')} {json.dumps(body)}"


def is_stream(thing):
    is_iterable = hasattr(thing, "__iter__") or hasattr(thing, "__aiter__")
    return is_iterable and hasattr(thing, "close")


def is_manager(thing):
    return (hasattr(thing, "__enter__") or hasattr(thing, "__aenter__")) and not is_stream(thing)


def call(client, name, leave_after):
    seen = {"yielded": [], "set": [], "end": "complete"}
    _, path, arguments = CALLS[name]
    try:
        result = method_of(client, path)(**arguments, extra_headers=headers(name))
        if is_manager(result):
            with result as stream:
                for event in stream:
                    dump(seen, event)
                final = getattr(stream, "get_final_completion", None)
                dump(seen, (final or stream.get_final_message)())
        elif is_stream(result):
            for chunk in result:
                dump(seen, chunk)
                if len(seen["yielded"]) == leave_after:
                    seen["end"] = "left"
                    break
            result.close()
        else:
            dump(seen, result)
    except (openai.OpenAIError, anthropic.AnthropicError) as error:
        failed(seen, error)
    except Exception as error:
        seen["end"] = type(error).__name__
    return seen


async def call_async(client, name, leave_after):
    seen = {"yielded": [], "set": [], "end": "complete"}
    _, path, arguments = CALLS[name]
    try:
        result = method_of(client, path)(**arguments, extra_headers=headers(name))
        if inspect.isawaitable(result):
            result = await result
        if is_manager(result):
            async with result as stream:
                async for event in stream:
                    dump(seen, event)
                final = getattr(stream, "get_final_completion", None)
                dump(seen, await (final or stream.get_final_message)())
        elif is_stream(result):
            async for chunk in result:
                dump(seen, chunk)
                if len(seen["yielded"]) == leave_after:
                    seen["end"] = "left"
                    break
            await result.close()
        else:
            dump(seen, result)
    except (openai.OpenAIError, anthropic.AnthropicError) as error:
        failed(seen, error)
    except Exception as error:
        seen["end"] = type(error).__name__
    return seen


def raw(client, name):
    """The bytes themselves, below what an SDK makes of them."""
    _, path, arguments = CALLS[name]
    method = method_of(client, path.removesuffix(".create")).with_streaming_response.create
    with method(**arguments, extra_headers=headers(name)) as response:
        return response.read().decode()


@functools.cache
def clients(base, of_openai, of_anthropic):
    options = {"api_key": "none", "max_retries": 0, "timeout": 30}
    return {
        "openai": of_openai(base_url=f"http://{base}/v1", **options),
        "anthropic": of_anthropic(base_url=f"http://{base}", **options),
    }


async def at_once(base, names, leave_after):
    both = clients(base, openai.AsyncOpenAI, anthropic.AsyncAnthropic)
    calls = [call_async(both[CALLS[name][0]], name, leave_after) for name in names]
    return dict(zip(names, await asyncio.gather(*calls)))


def obey(loop, order):
    names = list(CALLS) if order["calls"] is None else order["calls"]
    base, leave_after = order["base"], order["leave_after"]
    both = clients(base, openai.OpenAI, anthropic.Anthropic)
    return {
        "sync": {name: call(both[CALLS[name][0]], name, leave_after) for name in names},
    "async": loop.run(at_once(base, names, leave_after)),
        "raw": {name: raw(both[CALLS[name][0]], name) for name in order["raw"]},
    }


with asyncio.Runner() as loop:
    for line in sys.stdin:
        print(json.dumps(obey(loop, json.loads(line))), flush=True)
