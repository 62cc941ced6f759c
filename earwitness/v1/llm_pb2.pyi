from earwitness.v1 import model_pb2 as _model_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScoreBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCORE_BY_UNSPECIFIED: _ClassVar[ScoreBy]
    SCORE_BY_TEXT: _ClassVar[ScoreBy]
    SCORE_BY_LETTER: _ClassVar[ScoreBy]
    SCORE_BY_BOTH: _ClassVar[ScoreBy]
SCORE_BY_UNSPECIFIED: ScoreBy
SCORE_BY_TEXT: ScoreBy
SCORE_BY_LETTER: ScoreBy
SCORE_BY_BOTH: ScoreBy

class ChatMessage(_message.Message):
    __slots__ = ("role", "content")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("messages", "sampling", "thinking", "n", "top_logprobs", "json_schema", "adapter")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    THINKING_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    TOP_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    JSON_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    sampling: _model_pb2.Sampling
    thinking: bool
    n: int
    top_logprobs: int
    json_schema: str
    adapter: str
    def __init__(self, messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., sampling: _Optional[_Union[_model_pb2.Sampling, _Mapping]] = ..., thinking: bool = ..., n: _Optional[int] = ..., top_logprobs: _Optional[int] = ..., json_schema: _Optional[str] = ..., adapter: _Optional[str] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("generation", "more")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    generation: _model_pb2.Generation
    more: _containers.RepeatedCompositeFieldContainer[_model_pb2.Generation]
    def __init__(self, generation: _Optional[_Union[_model_pb2.Generation, _Mapping]] = ..., more: _Optional[_Iterable[_Union[_model_pb2.Generation, _Mapping]]] = ...) -> None: ...

class GenerateBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[GenerateRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[GenerateRequest, _Mapping]]] = ...) -> None: ...

class GenerateBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[GenerateResult]
    def __init__(self, results: _Optional[_Iterable[_Union[GenerateResult, _Mapping]]] = ...) -> None: ...

class GenerateResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: GenerateResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[GenerateResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class GenerateStreamRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: GenerateRequest
    def __init__(self, request: _Optional[_Union[GenerateRequest, _Mapping]] = ...) -> None: ...

class GenerateStreamResponse(_message.Message):
    __slots__ = ("delta", "generation")
    DELTA_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    delta: str
    generation: _model_pb2.Generation
    def __init__(self, delta: _Optional[str] = ..., generation: _Optional[_Union[_model_pb2.Generation, _Mapping]] = ...) -> None: ...

class ScoreChoicesRequest(_message.Message):
    __slots__ = ("messages", "choices", "by", "adapter")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    choices: _containers.RepeatedScalarFieldContainer[str]
    by: ScoreBy
    adapter: str
    def __init__(self, messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., choices: _Optional[_Iterable[str]] = ..., by: _Optional[_Union[ScoreBy, str]] = ..., adapter: _Optional[str] = ...) -> None: ...

class ScoreChoicesResponse(_message.Message):
    __slots__ = ("scores",)
    SCORES_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedCompositeFieldContainer[ChoiceScore]
    def __init__(self, scores: _Optional[_Iterable[_Union[ChoiceScore, _Mapping]]] = ...) -> None: ...

class ChoiceScore(_message.Message):
    __slots__ = ("logprob", "num_tokens", "mean_logprob", "letter")
    LOGPROB_FIELD_NUMBER: _ClassVar[int]
    NUM_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MEAN_LOGPROB_FIELD_NUMBER: _ClassVar[int]
    LETTER_FIELD_NUMBER: _ClassVar[int]
    logprob: float
    num_tokens: int
    mean_logprob: float
    letter: LetterScore
    def __init__(self, logprob: _Optional[float] = ..., num_tokens: _Optional[int] = ..., mean_logprob: _Optional[float] = ..., letter: _Optional[_Union[LetterScore, _Mapping]] = ...) -> None: ...

class LetterScore(_message.Message):
    __slots__ = ("letter", "logprob", "num_tokens", "mean_logprob")
    LETTER_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_FIELD_NUMBER: _ClassVar[int]
    NUM_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MEAN_LOGPROB_FIELD_NUMBER: _ClassVar[int]
    letter: str
    logprob: float
    num_tokens: int
    mean_logprob: float
    def __init__(self, letter: _Optional[str] = ..., logprob: _Optional[float] = ..., num_tokens: _Optional[int] = ..., mean_logprob: _Optional[float] = ...) -> None: ...

class ScoreChoicesBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[ScoreChoicesRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[ScoreChoicesRequest, _Mapping]]] = ...) -> None: ...

class ScoreChoicesBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ScoreChoicesResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ScoreChoicesResult, _Mapping]]] = ...) -> None: ...

class ScoreChoicesResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: ScoreChoicesResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[ScoreChoicesResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
