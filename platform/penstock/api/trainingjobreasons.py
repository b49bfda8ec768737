"""The reasons of a TrainingJob's conditions."""

from __future__ import annotations

from penstock.api.meta import Reason


class ReadyReason(Reason):
    """Reasons of `Ready`, which mirrors `Succeeded` for tools that ask every kind whether it is ready."""

    COMPLETE = ("Complete", "The spec as it is has a run, and its manifest is whole.")
    NOT_YET = ("NotYet", "There is no run of the spec as it is yet: `Succeeded` says why.")
    FAILED = ("Failed", "There will be no run of the spec as it is by itself: `Succeeded` says why.")


class SucceededReason(Reason):
    """Reasons of `Succeeded`, the condition of a TrainingJob."""

    PENDING = ("Pending", "The attempt is on its way to Ray, or waits there; the message says for what.")
    RUNNING = ("Running", "The attempt runs on Ray.")
    BACKING_OFF = ("BackingOff", "An attempt failed; the next starts after the back-off.", "Read the message.")
    SUSPENDED = ("Suspended", "The job is suspended.", "`penstock resume trainingjob/NAME` starts it again.")
    STOPPING = ("Stopping", "The attempt is being stopped.")
    RAY_UNREACHABLE = (
        "RayUnreachable",
        "Ray did not answer; nothing is submitted or judged until it does.",
        "Check that Ray runs: `penstock doctor`.",
    )
    RAY_UNAVAILABLE = (
        "RayUnavailable",
        "Ray took the attempt and could not begin it; that counts in no spec.retry.limit, but has a limit of its own.",
        "Mend what the message says of Ray's nodes; where it is tried no more, `penstock rerun NAME`.",
    )
    ARTIFACTS_UNREACHABLE = (
        "ArtifactsUnreachable",
        "The artifact store did not answer; an attempt that has ended is not judged until it does.",
        "Check that the artifact store runs and can be reached: `penstock doctor`.",
    )
    COMPLETED = ("Completed", "The newest run finished and its manifest is whole.")
    ATTEMPTS_EXHAUSTED = (
        "AttemptsExhausted",
        "Every attempt that the retry limit allows has failed; the message ends with the last log lines.",
        "Mend the code or the spec and apply it, or `penstock rerun NAME`.",
    )
    INVALID_SOURCE = (
        "InvalidSource",
        "The source is not there, or the entrypoint is not in it.",
        "Correct spec.source or spec.entrypoint.",
    )
    INVALID_SPEC = (
        "InvalidSpec",
        "What the attempt asks of Ray or KubeRay was refused as wrong in itself; the message names the field.",
        "Correct spec.ray and apply it; where something else was mended, `penstock rerun NAME`.",
    )
    MISSING_REFERENCE = ("MissingReference", "A Secret or ConfigMap that the spec names is not there.", "Create it.")
    ENTRYPOINT_FAILED = ("EntrypointFailed", "The entrypoint exited with an error.", "Read the log lines.")
    DEADLINE_EXCEEDED = (
        "DeadlineExceeded",
        "The attempt ran longer than spec.attemptDeadlineSeconds and was stopped.",
        "Raise the deadline, or find what hangs.",
    )
    RAY_FAILED = (
        "RayFailed",
        "The attempt's Ray cluster failed or lost its head pod, or KubeRay refused its RayJob; the message says which.",
        "Correct spec.ray.kubeRay, or what keeps the pods from running.",
    )
    PREEMPTED = (
        "Preempted",
        "Its Ray cluster was taken away, by Kueue for one; a new attempt goes on from the newest checkpoint.",
    )
    ATTEMPT_LOST = (
        "AttemptLost",
        "Ray does not know the attempt, or no longer: it was deleted, Ray restarted, or the operator ended before it "
        "knew whether Ray had taken it.",
    )
    ATTEMPT_STOPPED = ("AttemptStopped", "Somebody stopped the attempt on Ray's side.")
    INVALID_OUTPUT = (
        "InvalidOutput",
        "The entrypoint exited well, but its manifest is missing, broken, or lacks a declared output.",
        "Write every output in spec.outputs; the message says what is wrong.",
    )
    SUPERSEDED = (
        "Superseded",
        "What changes the result changed while the attempt ran; a new one takes its place. "
        "A run that was whole by then is kept, as a TrainingRun.",
    )
    DELETED = ("Deleted", "The job is being deleted, and the attempt stopped.")
