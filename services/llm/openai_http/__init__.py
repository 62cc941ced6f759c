"""The LLM service as OpenAI-compatible HTTP, from the same replica, engine, limits, admission and gate as its gRPC.

    * `schema` reads requests, `chat` and `completions` answer them, `failures` says errors as OpenAI does
    * `app` finds the one who answers, and knows no web framework; `mounts` puts it on Ray Serve and on a plain server

What is not served, such as tools, or `echo` in a stream, is refused by the field's name: see docs/serving.md.

Source of the format: OpenAI, "API reference", Chat and Completions (https://platform.openai.com/docs/api-reference).
"""
