//! A run folder that version 0.1.0 wrote in November 2026 is read by the types of today.

use std::path::{Path, PathBuf};

use twist_run::{
    ClusterNames, Evaluations, EventKind, Log, Metrics, Samples, Sources, clusters_file, figure, files,
};

/// `tests/run_folder`: a run of 12 steps on 24 images of three classes, evaluated twice more.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/run_folder/run")
}

#[test]
fn every_file_is_read() {
    let folder = folder();
    let log = Log::read(&folder).unwrap();
    assert_eq!(log.damaged, 0);
    assert!(log.says_done(12) && log.says_saved(12));
    assert!(log.images_per_second().unwrap() > 0.0 && log.minutes().unwrap() > 0.0);
    let EventKind::Start(start) = &log.lines[0].event.kind else { panic!("{:?}", log.lines[0]) };
    assert_eq!((start.images, start.clusters, start.total_steps), (24, 3, 12));
    let steps = log.lines.iter().filter_map(|line| match &line.event.kind {
        EventKind::Step(figures) => figures.get(figure::LOSS),
        _ => None,
    });
    assert_eq!(steps.count(), 8);

    let metrics = Metrics::read(&folder).unwrap().unwrap();
    assert!(metrics.are_of(12) && !metrics.are_of(11));
    for figure in [figure::KNN_TOP1, figure::ACC, figure::NMI, figure::CLASSES_IN_USE, figure::MINUTES] {
        assert!(metrics.figures.get(figure).is_some(), "{}", figure.key);
    }
    assert!(metrics.baselines.get(figure::KMEANS_PIXELS).is_some());
    assert_eq!(metrics.count("/evaluated_images"), Some(24));

    let mut evaluations = Evaluations::default();
    evaluations.add_metrics(&metrics);
    evaluations.add_lines(&fs_err::read_to_string(folder.join(files::EVALUATIONS)).unwrap());
    let kinds: Vec<&str> = evaluations.list.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(
        (kinds.as_slice(), evaluations.damaged),
        (["knn", "cluster", "knn", "cluster", "cluster"].as_slice(), 0)
    );

    let samples = Samples::read(&folder, true).unwrap().unwrap();
    assert_eq!((samples.len(), samples.each, samples.width), (24, 3, 32));
    assert_eq!(samples.path[0], "bars/0.png");
    assert_eq!(samples.label_name[23].as_deref(), Some("rows"));
    assert!(Samples::read(&folder, false).unwrap().unwrap().embedding.is_empty());

    assert_eq!(Sources::read(&folder).unwrap().unwrap().labels, "auto");
    let names = ClusterNames::load(clusters_file(&folder), 3).unwrap();
    assert_eq!(names.resolve(0).unwrap().name, "first");
}
