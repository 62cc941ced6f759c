from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LongAudio(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LONG_AUDIO_UNSPECIFIED: _ClassVar[LongAudio]
    LONG_AUDIO_REFUSE: _ClassVar[LongAudio]
    LONG_AUDIO_CHUNK: _ClassVar[LongAudio]
LONG_AUDIO_UNSPECIFIED: LongAudio
LONG_AUDIO_REFUSE: LongAudio
LONG_AUDIO_CHUNK: LongAudio

class Audio(_message.Message):
    __slots__ = ("data", "uri")
    DATA_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    uri: str
    def __init__(self, data: _Optional[bytes] = ..., uri: _Optional[str] = ...) -> None: ...

class AudioInfo(_message.Message):
    __slots__ = ("sha256", "seconds", "long_audio", "num_parts")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    LONG_AUDIO_FIELD_NUMBER: _ClassVar[int]
    NUM_PARTS_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    seconds: float
    long_audio: LongAudio
    num_parts: int
    def __init__(self, sha256: _Optional[str] = ..., seconds: _Optional[float] = ..., long_audio: _Optional[_Union[LongAudio, str]] = ..., num_parts: _Optional[int] = ...) -> None: ...
