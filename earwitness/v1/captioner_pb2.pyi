from earwitness.v1 import audio_pb2 as _audio_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CaptionRequest(_message.Message):
    __slots__ = ("audio", "prompt")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    audio: _audio_pb2.Audio
    prompt: str
    def __init__(self, audio: _Optional[_Union[_audio_pb2.Audio, _Mapping]] = ..., prompt: _Optional[str] = ...) -> None: ...

class CaptionResponse(_message.Message):
    __slots__ = ("caption", "transcript", "audio")
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    caption: str
    transcript: str
    audio: _audio_pb2.AudioInfo
    def __init__(self, caption: _Optional[str] = ..., transcript: _Optional[str] = ..., audio: _Optional[_Union[_audio_pb2.AudioInfo, _Mapping]] = ...) -> None: ...

class CaptionBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[CaptionRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[CaptionRequest, _Mapping]]] = ...) -> None: ...

class CaptionBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[CaptionResult]
    def __init__(self, results: _Optional[_Iterable[_Union[CaptionResult, _Mapping]]] = ...) -> None: ...

class CaptionResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: CaptionResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[CaptionResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
