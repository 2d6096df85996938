"""The configuration of a small DIRAC: one site of the vacuum, one VO, all services on the loopback."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

SITE = "VAC.Example.uk"
CE = "vac01.example.org"
VO = "lhcb"
PORTS = {
    "Configuration/Server": 9135,
    "Framework/ProxyManager": 9152,
    "ResourceStatus/ResourceStatus": 9160,
    "WorkloadManagement/JobManager": 9132,
    "WorkloadManagement/JobMonitoring": 9130,
    "WorkloadManagement/JobStateUpdate": 9136,
    "WorkloadManagement/Matcher": 9170,
    "WorkloadManagement/OptimizationMind": 9175,
    "WorkloadManagement/PilotManager": 9171,
    "WorkloadManagement/SandboxStore": 9196,
}
DATABASES = {
    "Framework": ("ProxyDB",),
    "ResourceStatus": ("ResourceStatusDB",),
    "WorkloadManagement": ("JobDB", "JobLoggingDB", "PilotAgentsDB", "SandboxMetadataDB", "TaskQueueDB"),
}
MARIADB_PORT = 13306
OPENSEARCH_PORT = 19200
MAX_MINUTES = 1000


@attrs.frozen(kw_only=True)
class Names:
    """Subjects of certificates, as DIRAC writes them."""

    server: str
    user: str
    pilot: str
    machine: str


def written(section: Mapping[str, Any], depth: int = 0) -> str:
    """A configuration in DIRAC's own form."""
    margin, lines = "  " * depth, []
    for name, value in section.items():
        if isinstance(value, Mapping):
            lines.append(f"{margin}{name}\n{margin}{{\n{written(value, depth + 1)}{margin}}}\n")
        else:
            lines.append(f"{margin}{name} = {value}\n")
    return "".join(lines)


def served(names: Names, directory: Path) -> dict[str, Any]:
    """What the configuration server gives everybody."""
    return {
        "DIRAC": {
            "VirtualOrganization": VO,
            "Configuration": {"Servers": _url("Configuration/Server"), "Name": "Tests"},
        },
        "DiracX": {"DisabledVOs": VO},
        "Systems": {system: _system(system, directory) for system in _systems()},
        "Registry": _registry(names),
        "Resources": _resources(),
        "Operations": {"Defaults": {"JobScheduling": {"CheckOSPlatform": "no"}}},
    }


def servers_own(names: Names, directory: Path, certificates: Path) -> dict[str, Any]:
    """What only the server's own processes read: keys and passwords."""
    whole = served(names, directory)
    whole["DIRAC"]["Security"] = {
        "UseServerCertificate": "yes",
        "CertFile": certificates / "servercert.pem",
        "KeyFile": certificates / "serverkey.pem",
    }
    whole["DIRAC"]["Configuration"] |= {"Master": "yes", "AutoPublish": "no"}
    whole["Systems"]["Databases"] = {"Host": "127.0.0.1", "Port": MARIADB_PORT, "User": "dirac", "Password": "dirac"}
    whole["Systems"]["NoSQLDatabases"] = {
        "Host": "127.0.0.1", "Port": OPENSEARCH_PORT, "User": "dirac", "Password": "dirac", "SSL": "no",
    }  # fmt: skip
    return whole


def client_s(certificates: Path) -> dict[str, Any]:
    """What a user's or a pilot's own processes are told: where the rest is."""
    del certificates
    return {"DIRAC": {"Configuration": {"Servers": _url("Configuration/Server")}, "VirtualOrganization": VO}}


def _url(service: str) -> str:
    return f"dips://localhost:{PORTS[service]}/{service}"


def _systems() -> list[str]:
    return sorted({service.partition("/")[0] for service in PORTS})


def _system(system: str, directory: Path) -> dict[str, Any]:
    own = {full.partition("/")[2]: port for full, port in PORTS.items() if full.startswith(f"{system}/")}
    services: dict[str, Any] = {
        name: {"Port": port, "Authorization": {"Default": "authenticated"}} for name, port in own.items()
    }
    if system == "Configuration":
        services["Server"]["HandlerPath"] = "DIRAC/ConfigurationSystem/Service/ConfigurationHandler.py"
    if system == "WorkloadManagement":
        services["SandboxStore"] |= {"LocalSE": "ProductionSandboxSE", "BasePath": directory / "sandboxes"}
        services["SandboxStore"]["Authorization"]["FileTransfer"] = {"Default": "authenticated"}
        services["PilotManager"]["Authorization"] = {
            "Default": "Operator",
            "setPilotStatus": "Operator, GenericPilot",
            "getPilotInfo": "Operator, GenericPilot, NormalUser",
            "addPilotReferences": "Operator, GenericPilot",
        }
    databases = {name: {"DBName": name} for name in DATABASES.get(system, ())}
    return {
        "Services": services,
        "URLs": {name: _url(f"{system}/{name}") for name in own},
        "Databases": databases | ({"JobParametersDB": {}} if system == "WorkloadManagement" else {}),
        "Executors": {"Optimizers": {"Load": "JobPath, JobSanity, InputData, JobScheduling"}},
    }


def _registry(names: Names) -> dict[str, Any]:
    return {
        "DefaultGroup": "lhcb_user",
        "Users": {"jo": {"DN": names.user}, "pilot": {"DN": names.pilot}},
        "Groups": {
            "lhcb_user": {"Users": "jo", "Properties": "NormalUser", "VO": VO},
            "lhcb_pilot": {"Users": "pilot", "Properties": "GenericPilot, LimitedDelegation", "VO": VO},
        },
        "Hosts": {
            "localhost": {
                "DN": names.server,
                "Properties": "TrustedHost, CSAdministrator, JobAdministrator, FullDelegation, ProxyManagement, "
                "Operator, SiteManager",
            },
            "machine": {"DN": names.machine, "Properties": "GenericPilot, LimitedDelegation, TrustedHost"},
        },
        "VO": {VO: {}},
    }


def _resources() -> dict[str, Any]:
    queues = {"default": {"maxCPUTime": MAX_MINUTES}}
    sandboxes = {"Protocol": "dips", "Path": "/WorkloadManagement/SandboxStore", "Access": "remote"}
    sandboxes |= {"Host": "localhost", "Port": str(PORTS["WorkloadManagement/SandboxStore"])}
    return {
        "Sites": {"VAC": {SITE: {"Name": "EXAMPLE", "CE": CE, "CEs": {CE: {"CEType": "Vac", "Queues": queues}}}}},
        "Computing": {"OSCompatibility": {}, "CEDefaults": {"VirtualOrganization": VO}},
        "StorageElements": {"ProductionSandboxSE": {"BackendType": "DISET", "DIP": {"Plugin": "DIP", **sandboxes}}},
    }
