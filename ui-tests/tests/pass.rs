//! Compiles and runs the programs in `tests/pass` as modules of one crate, so that clippy checks
//! them.

#![expect(
    clippy::unwrap_used,
    reason = "small programs, which end at the first surprise"
)]

#[path = "pass/conditions.rs"]
mod conditions;
#[path = "pass/defer_forms.rs"]
mod defer_forms;
#[path = "pass/go_forms.rs"]
mod go_forms;
#[path = "pass/go_in_generic_code.rs"]
mod go_in_generic_code;
#[path = "pass/go_in_macro_rules.rs"]
mod go_in_macro_rules;
#[path = "pass/go_options.rs"]
mod go_options;
#[path = "pass/locks.rs"]
mod locks;
#[path = "pass/main_returns_result.rs"]
mod main_returns_result;
#[path = "pass/renamed_imports.rs"]
mod renamed_imports;
#[path = "pass/scope_forms.rs"]
mod scope_forms;
#[path = "pass/scope_results.rs"]
mod scope_results;
#[path = "pass/select_arms.rs"]
mod select_arms;
#[path = "pass/select_arms_of_crossbeam.rs"]
mod select_arms_of_crossbeam;
#[path = "pass/select_bodies.rs"]
mod select_bodies;
#[path = "pass/select_in_generic_code.rs"]
mod select_in_generic_code;
#[path = "pass/select_in_macro_rules.rs"]
mod select_in_macro_rules;
#[path = "pass/select_leaves_its_body.rs"]
mod select_leaves_its_body;
#[path = "pass/select_nested.rs"]
mod select_nested;
#[path = "pass/select_operands.rs"]
mod select_operands;
#[path = "pass/select_sends_variables.rs"]
mod select_sends_variables;
#[path = "pass/select_waits_for_more_than_channels.rs"]
mod select_waits_for_more_than_channels;
#[path = "pass/select_with_64_arms.rs"]
mod select_with_64_arms;
#[path = "pass/select_with_cfg.rs"]
mod select_with_cfg;
#[path = "pass/select_with_one_arm.rs"]
mod select_with_one_arm;
#[path = "pass/shadowed_names.rs"]
mod shadowed_names;
#[path = "pass/strict_header.rs"]
mod strict_header;
#[path = "pass/test_attribute.rs"]
mod test_attribute;

#[test]
fn every_program_runs() {
    conditions::main();
    defer_forms::main();
    go_forms::main();
    go_in_generic_code::main();
    go_in_macro_rules::main();
    go_options::main();
    locks::main();
    renamed_imports::main();
    scope_forms::main();
    scope_results::main();
    select_arms::main();
    select_arms_of_crossbeam::main();
    select_bodies::main();
    select_in_generic_code::main();
    select_in_macro_rules::main();
    select_leaves_its_body::main();
    select_nested::main();
    select_operands::main();
    select_sends_variables::main();
    select_waits_for_more_than_channels::main();
    select_with_64_arms::main();
    select_with_cfg::main();
    select_with_one_arm::main();
    shadowed_names::main();
    strict_header::main();
    test_attribute::main();
    // A crate of its own: its root has the strictest lints, and its manifest renames gort.
    gort_ui_tests_renamed::run();

    let code = main_returns_result::main();
    assert_eq!(
        format!("{code:?}"),
        format!("{:?}", std::process::ExitCode::SUCCESS)
    );
}
