"""gRPC's own services with gRPC's own clients: health, and reflection.

A client that knows nothing but the address finds the service, its messages and their
fields, and asks a model.
"""

from importlib import metadata

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

CLIENT = "grpcio, its health and reflection"
CHECKED = "health and its changes, a prediction by reflection alone, unknown methods"
SERVICE = "inference.GRPCInferenceService"
SERVING = health_pb2.HealthCheckResponse.SERVING


def version() -> str:
    return metadata.version("grpcio")


def check_health(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE):
            request = health_pb2.HealthCheckRequest(service=service)
            assert health.Check(request).status == SERVING
            changes = health.Watch(request)
            assert next(iter(changes)).status == SERVING
            changes.cancel()
        try:
            health.Check(health_pb2.HealthCheckRequest(service="other"))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND
        else:
            raise AssertionError("an unknown service has a health")


def check_a_call_by_reflection(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {SERVICE, "grpc.health.v1.Health"} <= set(database.get_services())
        service = DescriptorPool(database).FindServiceByName(SERVICE)
        assert "ModelStreamInfer" in service.methods_by_name
        method = service.methods_by_name["ModelInfer"]
        request = GetMessageClass(method.input_type)(model_name="identity_FP32")
        tensor = request.inputs.add(name="INPUT0", datatype="FP32", shape=[1, 2])
        tensor.contents.fp32_contents.extend([0.5, 2])
        ask = channel.unary_unary(
            f"/{SERVICE}/{method.name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        assert list(ask(request).outputs[0].contents.fp32_contents) == [0.5, 2]


def check_an_unknown_method(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        for path in (f"/{SERVICE}/Nothing", "/nothing.Service/Nothing"):
            try:
                channel.unary_unary(path)(b"")
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNIMPLEMENTED
                assert "no such method" in error.details()
            else:
                raise AssertionError(f"{path} was answered")
