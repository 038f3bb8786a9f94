"""What ovsfleet promises of faults, and the test of each: a test whose name is wrong fails.

Pure data; the page is written by ``reliability_page``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Promise:
    text: str
    test: str
    """Path and function, as pytest names them."""
    results: tuple[str, ...] = ()
    """Files of figures; none for what is asserted and not measured."""


_DISK = "tests/faults/test_disk.py::"
_CLOCK = "tests/faults/test_clock.py::"
_LINK = "tests/faults/test_partition.py::"
_OVS = "tests/faults/test_open_vswitch_recreated.py::"
_BOOT = "tests/faults/test_reboot.py::"
_HAND = "tests/faults/test_drift_by_hand.py::"
_FOREIGN = "tests/faults/test_foreign_things.py::"

MEASURED: Final = (
    Promise(
        "Where every change has to be confirmed (`confirm: always`), agents that die before or"
        " after a trial is on disk, or before its confirmation is, go on; nothing is undone.",
        "tests/faults/test_rounds.py"
        "::test_changes_that_have_to_be_confirmed_survive_deaths_as_well",
        ("on_trial",),
    ),
    Promise(
        "The death of ovs-vswitchd, or of ovsdb-server, costs a flow what it costs plain Open"
        " vSwitch, in packets and in time: medians to a quarter, the worst of eight to a half.",
        "tests/faults/test_vswitchd.py"
        "::test_the_death_of_a_daemon_costs_no_more_than_it_costs_plain_open_vswitch",
        ("vswitchd", "ovsdb_server"),
    ),
    Promise(
        "An agent whose disk takes 300 ms for each fsync is late and right.",
        _DISK + "test_an_agent_with_a_slow_disk_is_late_and_right",
        ("agent_slow_disk",),
    ),
    Promise(
        "An agent whose disk fails says `StateNotWritten`, keeps the host, recovers by itself.",
        _DISK + "test_an_agent_whose_disk_fails_says_so_and_recovers_by_itself",
        ("agent_fsync_eio", "agent_write_eio"),
    ),
    Promise(
        "So it does where the disk is full.",
        _DISK + "test_an_agent_whose_disk_is_full_keeps_the_host_and_recovers_by_itself",
        ("agent_full_disk",),
    ),
    Promise(
        "While the database's disk takes 300 ms for each fsync, writes are slow and streams live.",
        _DISK + "test_writes_are_slow_and_streams_live_while_the_databases_disk_is_slow",
        ("database_slow_disk",),
    ),
    Promise(
        "A full disk of the database is told by 503 with a problem document: no write is answered"
        " by 500, or not at all.",
        _DISK + "test_a_full_disk_of_the_database_is_told_in_problem_documents_and_never_by_500",
        ("database_full_disk",),
    ),
    Promise(
        "An agent's wall clock may jump an hour ahead and back: intent is followed as ever.",
        _CLOCK + "test_an_agent_whose_clock_jumps_by_an_hour_follows_intent_as_ever",
        ("clock_of_agent",),
    ),
    Promise(
        "So may the controller's; a host that falls silent is shown within 15 s all the same.",
        _CLOCK + "test_a_controller_whose_clock_jumps_by_an_hour_orders_by_revision",
        ("clock_of_controller",),
    ),
    Promise(
        "Certificates bear a clock that is five minutes off.",
        _CLOCK + "test_an_agent_whose_clock_is_five_minutes_off_connects",
        ("clock_ahead", "clock_behind"),
    ),
    Promise(
        "A link that carries one direction only: told within 15 s, converged 10 s after.",
        _LINK + "test_a_host_that_is_heard_in_one_direction_only_is_told_stale_and_converges_after",
        ("partition_out", "partition_in"),
    ),
    Promise(
        "A link that flaps each second for 20 s changes nothing but what is written.",
        _LINK + "test_a_link_that_flaps_each_second_changes_nothing_but_what_is_written",
        ("link_flapping",),
    ),
    Promise(
        "A database of Open vSwitch that was deleted and made new is filled again.",
        _OVS + "test_a_new_database_is_filled_again",
        ("database_recreated",),
    ),
    Promise(
        "An older database is brought to what is intended, and nothing in it is deleted unasked.",
        _OVS + "test_an_older_database_is_brought_to_what_is_intended"
        "_and_nothing_in_it_is_deleted_unasked",
        ("database_older",),
    ),
    Promise(
        "A device that was deleted by hand is made and plugged again.",
        _OVS + "test_a_device_that_was_deleted_is_made_and_plugged_again",
        ("device_recreated",),
    ),
    Promise(
        "A host that boots while the controller is away comes back from its own disk, with its"
        " database of Open vSwitch or without.",
        _BOOT + "test_a_host_comes_back_from_its_own_disk_while_the_controller_is_away",
        ("reboot_database_kept", "reboot_database_lost"),
    ),
    Promise(
        "So does a host without Open vSwitch.",
        _BOOT + "test_a_host_without_open_vswitch_comes_back_from_its_own_disk",
        ("reboot_without_open_vswitch",),
    ),
    Promise(
        "Whatever is changed by hand of what intent sets is told within 2 s, mended within 5 s.",
        _HAND + "test_what_is_changed_by_hand_on_a_host_with_open_vswitch_is_mended_and_told",
        ("drift_by_hand_with_open_vswitch",),
    ),
    Promise(
        "So it is on a host without Open vSwitch.",
        _HAND + "test_what_is_changed_by_hand_on_a_host_without_open_vswitch_is_mended_and_told",
        ("drift_by_hand_without_open_vswitch",),
    ),
    Promise(
        "Where drift is only to be reported, it is told within 2 s and left.",
        _HAND + "test_what_is_changed_by_hand_and_only_to_be_reported_is_told_and_left",
    ),
    Promise(
        "A thousand random operations on intent change nothing of others; their names are refused.",
        _FOREIGN + "test_a_thousand_random_operations_leave_what_is_not_ours_as_it_was",
        ("foreign_with_open_vswitch", "foreign_without_open_vswitch"),
    ),
)

_UNIT = "tests/unit/"
_LAW = "tests/properties/"
_REAL = "tests/integration/"

ASSERTED: Final = (
    Promise(
        "What is not ours is left alone, whatever is on the host.",
        _LAW + "test_planner.py::test_what_is_not_ours_is_left_alone",
    ),
    Promise(
        "Forwarding entries of others stay, on their devices and on ours.",
        _LAW + "test_foreign_laws.py"
        "::test_forwarding_entries_of_others_stay_on_their_devices_and_on_ours",
    ),
    Promise(
        "A conflict names what is in the way, its owner and the way out.",
        _UNIT + "test_planner_conflicts.py"
        "::test_a_conflict_names_what_is_in_the_way_and_its_owner_and_the_way_out",
    ),
    Promise(
        "What cannot be made because it exists is not tried again and again.",
        _UNIT + "test_planner_conflicts.py"
        "::test_a_foreign_tunnel_of_the_same_identity_is_one_failure_and_not_tried_again",
    ),
    Promise(
        "One refused step fails its resource alone.",
        _LAW + "test_planner.py::test_a_refused_step_fails_its_resource_alone",
    ),
    Promise(
        "Whichever step is refused, in the database or in the kernel: its resource says so, and is"
        " whole within 10 s of being able to.",
        _UNIT + "test_half_applied_and_disorder.py"
        "::test_whichever_step_is_refused_is_named_and_done_within_ten_seconds",
    ),
    Promise(
        "What else a transaction was to do is done, where a resource of it is refused.",
        _REAL + "test_ovsdb_apply.py::test_a_refused_resource_is_named_and_the_others_go_through",
    ),
    Promise(
        "An agent that is killed at any step converges when it is started again.",
        _REAL + "test_agent_daemon.py"
        "::test_an_agent_killed_at_any_step_converges_when_started_again",
    ),
    Promise(
        "States that come twice, in any order, of an older revision or epoch, or of two"
        " controllers, never take a host back.",
        _UNIT + "test_half_applied_and_disorder.py"
        "::test_states_in_any_order_however_often_and_of_two_controllers_never_go_back",
    ),
    Promise(
        "What is refused so is told to the controller, and the accepted state is kept.",
        _REAL + "test_agent_daemon.py::test_a_state_of_an_older_epoch_is_refused_and_said_so",
    ),
    Promise(
        "A host is left alone by a controller of another fleet.",
        _REAL + "test_agent_session.py::test_a_controller_of_another_fleet_is_left_alone",
    ),
    Promise(
        "Of two sessions of a host one stays: that with the higher epoch, or the newer.",
        _UNIT + "test_southbound_sessions.py"
        "::test_of_two_sessions_of_a_host_the_one_with_the_higher_epoch_stays",
    ),
    Promise(
        "Sixteen writers at once lose no update and share no number.",
        _REAL + "test_concurrent_writers.py"
        "::test_sixteen_writers_lose_no_update_share_no_number_and_leave_every_mesh_complete",
    ),
    Promise(
        "A plan that is cut short anywhere is completed by the next.",
        _LAW + "test_planner.py::test_a_plan_that_is_cut_short_anywhere_is_completed_by_the_next",
    ),
    Promise(
        "Taking over a thing of others changes its mark first, and its mark alone where it is as"
        " intended.",
        _LAW + "test_planner_adoption.py::test_what_is_as_intended_is_taken_over_by_its_mark_alone",
    ),
    Promise(
        "A purge takes away what is ours and touches nothing else.",
        _LAW + "test_purge.py"
        "::test_a_purge_takes_away_what_is_ours_in_one_run_and_touches_nothing_else",
    ),
    Promise(
        "A state of which a part was lost deletes nothing.",
        _LAW + "test_planner_brake.py"
        "::test_a_state_of_which_a_part_was_lost_deletes_nothing_of_ours_or_of_others",
    ),
    Promise(
        "A state file that is torn or of which a bit flipped is noticed, and the one before used.",
        _UNIT + "test_state_file.py::test_any_bit_that_is_flipped_and_any_torn_end_are_noticed",
    ),
    Promise(
        "A disk that fails at any call leaves a whole state file.",
        _UNIT + "test_state_file.py::test_a_disk_that_fails_at_any_call_leaves_a_whole_file",
    ),
    Promise(
        "A host that cuts itself off from the controller is back by itself, also when its agent is"
        " killed meanwhile.",
        _REAL + "test_lockout.py"
        "::test_a_host_that_cuts_itself_off_is_back_by_itself_also_when_killed_meanwhile",
    ),
    Promise(
        "A change that is undone leaves what is ours as it was, however far it came.",
        _LAW + "test_undone_changes.py"
        "::test_an_undone_change_leaves_what_is_ours_as_it_was_however_far_it_came",
    ),
    Promise(
        "What was not confirmed is undone and not taken again, however often it comes.",
        _REAL + "test_agent_confirm.py"
        "::test_what_is_not_confirmed_is_undone_and_not_taken_again_however_often_it_comes",
    ),
    Promise(
        "What a host undid is not sent to it again before it is released.",
        _REAL + "test_southbound_release.py"
        "::test_what_a_host_undid_is_not_sent_again_before_it_is_released",
    ),
    Promise(
        "A host that is booted before a change was confirmed goes back before anything else.",
        _UNIT + "test_confirm.py"
        "::test_a_host_that_is_booted_meanwhile_goes_back_before_anything_else",
    ),
    Promise(
        "Drift is brought back or left, as its policy says.",
        _LAW + "test_drift_policies.py::test_what_is_guarded_is_left_and_all_else_converges",
    ),
    Promise(
        "What was deleted by hand comes back, and is told with the command that did it.",
        _REAL + "test_agent_daemon.py::test_what_is_deleted_by_hand_comes_back",
    ),
    Promise(
        "The command that changed or deleted a row is read from the database's journal.",
        _REAL + "test_ovsdb_journal.py::test_the_command_that_changed_or_deleted_a_row_is_named",
    ),
    Promise(
        "Who changes a thing back each time is not fought.",
        _UNIT + "test_agent_drift.py::test_who_changes_it_back_each_time_is_not_fought",
    ),
    Promise(
        "The in-memory switch of the laws agrees with the real one.",
        _REAL + "test_switch_contract.py::test_plans_lead_to_the_same_on_both",
    ),
    Promise(
        "An idle restart of an agent writes nothing, and packets flow while it is away.",
        "tests/e2e/test_demo.py"
        "::test_the_demo_proves_every_claim_also_after_one_that_was_killed_in_the_middle",
    ),
)

PROMISES: Final = (*MEASURED, *ASSERTED)
