from earwitness.v1 import audio_pb2 as _audio_pb2
from earwitness.v1 import llm_pb2 as _llm_pb2
from earwitness.v1 import model_pb2 as _model_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListenMessage(_message.Message):
    __slots__ = ("role", "content", "clips")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CLIPS_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    clips: _containers.RepeatedCompositeFieldContainer[Clip]
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ..., clips: _Optional[_Iterable[_Union[Clip, _Mapping]]] = ...) -> None: ...

class Clip(_message.Message):
    __slots__ = ("audio", "transcript")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    audio: _audio_pb2.Audio
    transcript: str
    def __init__(self, audio: _Optional[_Union[_audio_pb2.Audio, _Mapping]] = ..., transcript: _Optional[str] = ...) -> None: ...

class ListenRequest(_message.Message):
    __slots__ = ("messages", "sampling", "thinking")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    THINKING_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[ListenMessage]
    sampling: _model_pb2.Sampling
    thinking: bool
    def __init__(self, messages: _Optional[_Iterable[_Union[ListenMessage, _Mapping]]] = ..., sampling: _Optional[_Union[_model_pb2.Sampling, _Mapping]] = ..., thinking: bool = ...) -> None: ...

class ListenResponse(_message.Message):
    __slots__ = ("generation", "clips")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    CLIPS_FIELD_NUMBER: _ClassVar[int]
    generation: _model_pb2.Generation
    clips: _containers.RepeatedCompositeFieldContainer[HeardClip]
    def __init__(self, generation: _Optional[_Union[_model_pb2.Generation, _Mapping]] = ..., clips: _Optional[_Iterable[_Union[HeardClip, _Mapping]]] = ...) -> None: ...

class HeardClip(_message.Message):
    __slots__ = ("audio", "transcript")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    audio: _audio_pb2.AudioInfo
    transcript: str
    def __init__(self, audio: _Optional[_Union[_audio_pb2.AudioInfo, _Mapping]] = ..., transcript: _Optional[str] = ...) -> None: ...

class ListenBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[ListenRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[ListenRequest, _Mapping]]] = ...) -> None: ...

class ListenBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ListenResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ListenResult, _Mapping]]] = ...) -> None: ...

class ListenResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: ListenResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[ListenResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ScoreChoicesAudioRequest(_message.Message):
    __slots__ = ("messages", "choices")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[ListenMessage]
    choices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, messages: _Optional[_Iterable[_Union[ListenMessage, _Mapping]]] = ..., choices: _Optional[_Iterable[str]] = ...) -> None: ...

class ScoreChoicesAudioResponse(_message.Message):
    __slots__ = ("scores", "clips")
    SCORES_FIELD_NUMBER: _ClassVar[int]
    CLIPS_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedCompositeFieldContainer[_llm_pb2.ChoiceScore]
    clips: _containers.RepeatedCompositeFieldContainer[HeardClip]
    def __init__(self, scores: _Optional[_Iterable[_Union[_llm_pb2.ChoiceScore, _Mapping]]] = ..., clips: _Optional[_Iterable[_Union[HeardClip, _Mapping]]] = ...) -> None: ...
