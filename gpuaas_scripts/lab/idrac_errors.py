"""Refusals of the stand-in iDRAC: message ids with their HTTP status and text.

Ids and their meaning are Dell's (iDRAC message registry); the status is the recorded one where there
is a recording (SYS011, SYS444 with SYS410, SWC0700: 400; RAC0218: 503; SYS415, SYS416: 401) and the
stand-in's choice otherwise. Lockdown answers 403 here on purpose: a client must go by the id.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: HTTP status it comes with, text with %1 and %2, severity."""

    status: int
    text: str
    severity: str = "Warning"


TABLE: dict[str, Entry] = {
    "SYS410": Entry(400, "Unable to modify the attribute because the attribute is read-only."),
    "SYS444": Entry(400, "Unable to set the attribute value because it depends on other attribute(s)."),
    "SYS443": Entry(400, "Unable to configure the object because it has dependencies on other objects."),
    "SYS024": Entry(400, "Attribute dependency checking did not complete successfully."),
    "SYS409": Entry(400, "Unable to set the object properties because an incorrect object value is entered."),
    "SYS424": Entry(400, "The value %1 for the property %2 is of another type than the property can accept."),
    "SYS425": Entry(400, "The value %1 for the property %2 is invalid."),
    "SYS426": Entry(400, "The value %1 for the property %2 is not in the list of acceptable values."),
    "SYS428": Entry(400, "The property %1 is required and must be included in the request."),
    "SYS429": Entry(400, "The property %1 is not in the list of valid properties for the resource."),
    "SYS447": Entry(400, "Unable to create the job because the time %1 is invalid."),
    "SYS448": Entry(400, "The MaintenanceWindowDurationInSeconds value is invalid."),
    "BIOS013": Entry(400, "Invalid AttributeName %1", "Informational"),
    "BIOS014": Entry(400, "Invalid AttributeValue for AttributeName: %1", "Informational"),
    "SYS406": Entry(403, "The configuration operation cannot start: System Lockdown mode is enabled.", "Informational"),
    "SYS291": Entry(403, "The configuration operation cannot start: System Lockdown mode is enabled.", "Informational"),
    "BIOS031": Entry(
        403, "The configuration operation cannot start: System Lockdown mode is enabled.", "Informational"
    ),
    "RAC1201": Entry(403, "Unable to complete the operation because the server is in the lockdown mode."),
    "SYS415": Entry(401, "An invalid username and/or password is entered, and authentication failed."),
    "SYS416": Entry(401, "The username and/or password is not entered, and authentication failed."),
    "SYS012": Entry(403, "User privileges are not sufficient to perform operation."),
    "RAC0506": Entry(403, "You do not have privileges to perform this operation.", "Critical"),
    "SYS011": Entry(
        400, "Pending configuration values are already committed, unable to perform another set operation."
    ),
    "BIOS006": Entry(
        400, "Configuration job already created, cannot set attribute on specified target.", "Informational"
    ),
    "BIOS007": Entry(400, "Configuration job already created, cannot create another one.", "Informational"),
    "BIOS011": Entry(400, "Configuration job already created, pending data cannot be deleted.", "Informational"),
    "RAC0679": Entry(400, "A job operation is already running. Retry after the existing job is completed."),
    "LC063": Entry(400, "Cannot create new jobs until the existing running jobs are completed or deleted."),
    "BIOS008": Entry(400, "No pending data present to create a Configuration job.", "Informational"),
    "BIOS012": Entry(400, "No pending data to delete.", "Informational"),
    "SYS023": Entry(400, "No configuration changes pending."),
    "RAC0218": Entry(503, "The maximum number of user sessions is reached.", "Informational"),
    "RAC0509": Entry(503, "The server is temporarily unavailable. Try again after sometime."),
    "SWC0700": Entry(
        400, "iDRAC is not ready. The configuration values cannot be accessed. Please retry after a few minutes."
    ),
    "SYS402": Entry(405, "The requested HTTP method is not allowed.", "Informational"),
    "SYS403": Entry(404, "The resource %1 entered is not found.", "Critical"),
    "SYS404": Entry(412, "The If-Match request header does not match.", "Warning"),
    "SYS405": Entry(400, "The JSON data format entered is invalid.", "Critical"),
    "PSU501": Entry(409, "Server is already powered ON.", "Informational"),
    "PSU502": Entry(409, "Server is already powered OFF.", "Informational"),
    "JCP042": Entry(400, "Job %1 failed because %2."),
}


class Refusal(Exception):  # noqa: N818 - an answer, not a defect
    """A request that is refused: ids of the messages, arguments of each, and the attribute it is about."""

    def __init__(self, *ids: str, args: tuple[str, ...] = (), attribute: str = "") -> None:
        super().__init__(*ids)
        self.ids = ids
        self.arguments = args
        self.attribute = attribute

    @property
    def status(self) -> int:
        """The HTTP status of the first id."""
        return TABLE[self.ids[0]].status

    def body(self, prefix: str) -> dict[str, object]:
        """The error body; `prefix` is what the firmware puts before an id, such as `IDRAC.2.9`."""
        infos = [self._info(id_, prefix) for id_ in self.ids]
        return {
            "error": {
                "@Message.ExtendedInfo": infos,
                "code": "Base.1.12.GeneralError",
                "message": "A general error has occurred. See ExtendedInfo for more information",
            }
        }

    def _info(self, id_: str, prefix: str) -> dict[str, object]:
        entry = TABLE[id_]
        text = entry.text
        for number, argument in enumerate(self.arguments, 1):
            text = text.replace(f"%{number}", argument)
        related = [f"#/Attributes/{self.attribute}"] if self.attribute else []
        return {
            "Message": text,
            "MessageArgs": list(self.arguments),
            "MessageArgs@odata.count": len(self.arguments),
            "MessageId": f"{prefix}.{id_}",
            "RelatedProperties": related,
            "RelatedProperties@odata.count": len(related),
            "Resolution": "See what the message names, and try again.",
            "Severity": entry.severity,
        }
