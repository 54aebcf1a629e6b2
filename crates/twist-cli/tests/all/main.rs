//! The binary from outside: every test runs `twist` as a user would and looks at its output, its exit code and what it
//! left on disk. `help` holds the words, `audit` what is checked before training, `usage` wrong command lines, `damage` broken input, `run` whole runs, `import`
//! foreign weights, `using` what a trained model is used for, `eval_cluster` and `transfer` evaluations,
//! `labels` what DATA and labels mean, `from_labels` what is trained from labels, `frozen` heads on frozen features, `newcomer` what someone meets first, `interruption` kills, signals and
//! locks, `terminal` what names of files do to a terminal, `time` how long a run takes, `old_folder` a run folder of an older version, `resumed_names` names of classes when a run goes on, `killed` what a kill leaves between two files, `kept` what is known of images from one command to the next, `shared` folders that others use too, `sorting` images in a folder for each class, `starter` the model for those who have none, `tree` how many classes there are, and `split` classes that become several.

mod audit;
mod damage;
mod eval_cluster;
mod export;
mod folders;
mod from_labels;
mod frozen;
mod help;
mod import;
mod interruption;
mod kept;
mod killed;
mod labels;
mod newcomer;
mod old_folder;
mod resumed_names;
mod run;
mod shared;
mod sorting;
mod split;
mod starter;
mod support;
mod teacher;
mod terminal;
mod time;
mod transfer;
mod tree;
mod usage;
mod using;
